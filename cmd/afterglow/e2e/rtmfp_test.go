package e2e

import (
	"path/filepath"
	"strings"
	"testing"
)

func (s *server) rtmfpURL(t *testing.T, stream string) string {
	return "rtmfp://" + s.listening(t, "rtmfp") + "/live/" + stream
}

// rtmfpPlayers are the programs that play over RTMFP.
var rtmfpPlayers = []player{
	{name: "afterglow play", start: func(t *testing.T, url, file string) *started {
		return start(t, "afterglow", "play", url, "-o", file)
	}},
	{name: "afterglow play --amf3", start: func(t *testing.T, url, file string) *started {
		return start(t, "afterglow", "play", "--amf3", url, "-o", file)
	}},
}

func TestEveryPublisherIsPlayedOverRTMFPFrameForFrame(t *testing.T) {
	t.Parallel()
	film := sample(t, "av")
	for _, p := range publishers {
		if p.noTLS { // the rows that differ in nothing that matters here
			continue
		}
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t)
			played := playAll(t, s, s.rtmfpURL(t, "film"), "film", rtmfpPlayers)
			compareAll(t, s, p.publish(t, s.url("film"), film), played)
		})
	}
}

func TestEveryProgramPlaysWhatIsPublishedOverRTMFP(t *testing.T) {
	t.Parallel()
	film := sample(t, "av")
	s := serve(t)
	over := s.rtmfpURL(t, "film")
	all := playAll(t, s, s.url("film"), "film", players)
	for _, p := range rtmfpPlayers {
		file := filepath.Join(t.TempDir(), "played.flv")
		all = append(all, &playing{p, p.start(t, over, file), file})
	}
	s.awaitPlayers(t, "film", len(all))
	want := fileFrames("afterglow", "publish", "FILM", "URL")(t, over, film)
	compareAll(t, s, want, all)
}

func TestPeersStreamWithoutTheServer(t *testing.T) {
	t.Parallel()
	film := sample(t, "av")
	s := serve(t)
	url := s.rtmfpURL(t, "film")
	publisher := start(t, "afterglow", "peer", "publish", "--wait", "--linger", "1s", film, url)
	id := strings.TrimSpace(strings.TrimPrefix(publisher.awaitOutput(t, "peer ID "), "peer ID "))
	file := filepath.Join(t.TempDir(), "played.flv")
	start(t, "afterglow", "peer", "play", url, "--peer", id, "-o", file).wait(t)
	publisher.wait(t)
	sameFrames(t, framesOf(readFLV(t, film)), framesOf(readFLV(t, file)))
	if n := s.metric(t, "afterglow_media_received_packets_total"); n != 0 {
		t.Errorf("%v packets went through the server", n)
	}
}
