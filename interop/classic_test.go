package interop

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/abema/go-mp4"
	"github.com/bluenviron/gortmplib/pkg/h264conf"
	"github.com/bluenviron/gortmplib/pkg/message"

	"afterglow/media"
	"afterglow/media/flv"
	"afterglow/netconn"
	"afterglow/netconn/overrtmp"
)

// classicFilm has ffmpeg make an FLV file without B-frames: gortmplib 0.2 writes avc1 with a composition time wrongly.
func classicFilm(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "film.flv")
	execute(t, find(t, "ffmpeg"), "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=320x180:r=25", "-f", "lavfi", "-i", "sine=sample_rate=44100",
		"-t", "3", "-c:v", "libx264", "-preset", "veryfast", "-bf", "0", "-g", "25", "-c:a", "aac", "-f", "flv", file)
	return file
}

// publishEnhanced has gortmplib publish what a classic file has in Enhanced tags: avc1 and mp4a.
func publishEnhanced(t *testing.T, s *server, stream string, packets []*media.Packet) {
	t.Helper()
	p := publishForeign(t, s, stream)
	for _, packet := range packets {
		if m := enhancedMessage(t, packet); m != nil {
			must(t, p.Client.Write(m))
		}
	}
}

func enhancedMessage(t *testing.T, p *media.Packet) message.Message {
	t.Helper()
	track, ok := p.Track(0)
	if !ok || p.SequenceEnd {
		return nil
	}
	dts := time.Duration(p.Timestamp) * time.Millisecond
	switch {
	case p.Kind == media.KindVideo && p.Config:
		return &message.VideoExSequenceStart{ChunkStreamID: message.VideoChunkStreamID, MessageStreamID: 0x1000000, FourCC: message.FourCCAVC, AVCHeader: avcC(t, track.Body)}
	case p.Kind == media.KindVideo:
		return &message.VideoExFramesX{ChunkStreamID: message.VideoChunkStreamID, MessageStreamID: 0x1000000, FourCC: message.FourCCAVC, DTS: dts, Payload: track.Body}
	case p.Config:
		config, err := parseAudioConfig(track.Body)
		must(t, err)
		return &message.AudioExSequenceStart{ChunkStreamID: message.AudioChunkStreamID, MessageStreamID: 0x1000000, FourCC: message.FourCCMP4A, AACHeader: config}
	}
	return &message.AudioExCodedFrames{ChunkStreamID: message.AudioChunkStreamID, MessageStreamID: 0x1000000, FourCC: message.FourCCMP4A, DTS: dts, Payload: track.Body}
}

func avcC(t *testing.T, record []byte) *mp4.AVCDecoderConfiguration {
	t.Helper()
	var c h264conf.Conf
	must(t, c.Unmarshal(record))
	return &mp4.AVCDecoderConfiguration{
		AnyTypeBox:                 mp4.AnyTypeBox{Type: mp4.BoxTypeAvcC()},
		ConfigurationVersion:       1,
		Profile:                    record[1],
		ProfileCompatibility:       record[2],
		Level:                      record[3],
		LengthSizeMinusOne:         3,
		NumOfSequenceParameterSets: 1,
		SequenceParameterSets:      []mp4.AVCParameterSet{{Length: uint16(len(c.SPS)), NALUnit: c.SPS}},
		NumOfPictureParameterSets:  1,
		PictureParameterSets:       []mp4.AVCParameterSet{{Length: uint16(len(c.PPS)), NALUnit: c.PPS}},
	}
}

func TestEnhancedH264ReachesClassicPlayers(t *testing.T) {
	t.Parallel()
	ffmpeg, rtmpdump := find(t, "ffmpeg"), find(t, "rtmpdump")
	packets := readFLV(t, classicFilm(t))
	want := framesOf(packets)
	dir := t.TempDir()
	s := serve(t)
	own := view(t, s, "film", overrtmp.DialOptions{})
	classic := overrtmp.DialOptions{}
	classic.Connect.ClassicOnly = true
	old := view(t, s, "film", classic)
	files := []string{filepath.Join(dir, "ffmpeg.flv"), filepath.Join(dir, "rtmpdump.flv")}
	programs := []*exec.Cmd{
		command(t, ffmpeg, "-v", "error", "-i", s.url("film"), "-c", "copy", "-f", "flv", files[0]),
		command(t, rtmpdump, "-q", "--live", "-r", s.url("film"), "-o", files[1]),
	}
	for _, p := range programs {
		must(t, p.Start())
	}
	s.awaitPlayers(t, "film", 4)
	t.Run("publish", func(t *testing.T) {
		publishEnhanced(t, s, "film", packets)
		own.awaitFrames(t, len(want))
	})
	for i, p := range programs {
		if err := p.Wait(); err != nil {
			t.Errorf("%s: %v", p.Path, err)
		}
		got := readFLV(t, files[i])
		sameFrames(t, want, framesOf(got))
		allClassic(t, got)
	}
	old.awaitEnd(t)
	sameFrames(t, want, framesOf(old.seen()))
	allClassic(t, old.seen())
	sameFrames(t, want, framesOf(own.seen()))
	for _, p := range own.seen() {
		if p.Kind != media.KindData && !p.Enhanced {
			t.Fatal("who announced Enhanced RTMP was sent classic tags")
		}
	}
}

func allClassic(t *testing.T, packets []*media.Packet) {
	t.Helper()
	for _, p := range packets {
		if p.Enhanced {
			t.Fatalf("%v at %d ms is an Enhanced tag", p.Kind, p.Timestamp)
		}
	}
}

// mediaIn returns the audio and video packets in a file.
func mediaIn(t *testing.T, file []byte) []*media.Packet {
	t.Helper()
	var out []*media.Packet
	for p, err := range flv.NewReader(bytes.NewReader(file), nil).All() {
		must(t, err)
		if p.Kind != media.KindData {
			out = append(out, p)
		}
	}
	return out
}

func TestClassicPlayersAreToldOfCodecsTheyCannotPlay(t *testing.T) {
	t.Parallel()
	ffmpeg, rtmpdump := find(t, "ffmpeg"), find(t, "rtmpdump")
	dir := t.TempDir()
	s := serve(t)
	own := view(t, s, "film", overrtmp.DialOptions{})
	classic := overrtmp.DialOptions{}
	classic.Connect.ClassicOnly = true
	old := view(t, s, "film", classic)
	programs := []*exec.Cmd{
		command(t, ffmpeg, "-v", "debug", "-i", s.url("film"), "-c", "copy", "-f", "flv", filepath.Join(dir, "ffmpeg.flv")),
		command(t, rtmpdump, "-V", "--live", "-r", s.url("film"), "-o", filepath.Join(dir, "rtmpdump.flv")),
	}
	said := make([]strings.Builder, len(programs))
	for i, p := range programs {
		p.Stderr = &said[i]
		must(t, p.Start())
	}
	s.awaitPlayers(t, "film", 4)
	t.Run("publish", func(t *testing.T) {
		want := publishMade(t, s, "film", av1Track(0), opus(0))
		own.awaitFrames(t, len(want))
	})
	old.awaitEnd(t)
	if !old.has(netconn.PlayNoSupportedTrackFound) {
		t.Error("a classic player was not told NetStream.Play.NoSupportedTrackFound")
	}
	for _, p := range old.seen() {
		if p.Kind != media.KindData {
			t.Fatalf("a classic player was sent %v", p.Codec)
		}
	}
	for i, p := range programs {
		_ = p.Wait()
		// ffmpeg shows the description and rtmpdump the code.
		if text := said[i].String(); !strings.Contains(text, "NoSupportedTrackFound") && !strings.Contains(text, "film is in av01") {
			t.Errorf("%s was not told:\n%s", p.Path, text)
		}
		if b, err := os.ReadFile(p.Args[len(p.Args)-1]); err == nil && len(mediaIn(t, b)) > 0 {
			t.Errorf("%s got media", p.Path)
		}
	}
}
