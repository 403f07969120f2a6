package e2e

import (
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// samples are the arguments with which ffmpeg makes each sample, once a run.
var samples = map[string]string{
	"av":    picture + " " + tone + " -t 4 " + h264 + " " + aac,
	"audio": tone + " -t 3 " + aac,
	"video": picture + " -t 3 " + h264,
	"heavy": picture + " " + tone + " -t 4 " + constant + " -b:v 2M -minrate 2M -maxrate 2M -bufsize 1M " + aac,
	"dense": picture + " " + tone + " -t 4 " + constant + " -b:v 6M -minrate 6M -maxrate 6M -bufsize 3M " + aac,
}

const (
	picture  = "-f lavfi -i testsrc2=s=320x180:r=30"
	tone     = "-f lavfi -i sine=frequency=440:sample_rate=44100"
	h264     = "-c:v libx264 -preset veryfast -bf 2 -g 30 -b:v 400k" // with B-frames, a keyframe a second
	constant = "-c:v libx264 -preset ultrafast -g 30 -x264-params nal-hrd=cbr:filler=1:scenecut=0"
	aac      = "-c:a aac -b:a 64k"
)

var made sync.Map // of name to *sync.Once

// sample returns the path of an FLV file.
func sample(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(runDir, name+".flv")
	once, _ := made.LoadOrStore(name, new(sync.Once))
	ffmpeg := find(t, "ffmpeg")
	once.(*sync.Once).Do(func() {
		args := append([]string{"-v", "error"}, strings.Fields(samples[name])...)
		start(t, ffmpeg, append(args, "-f", "flv", path)...).wait(t)
	})
	return path
}
