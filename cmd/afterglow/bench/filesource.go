package bench

import (
	"bufio"
	"fmt"
	"os"
	"time"

	"afterglow/media"
	"afterglow/media/flv"
	"afterglow/rtmp"
)

// mediaFile is an FLV file in memory, shared by all publishers.
type mediaFile struct {
	first  []frame // metadata and configuration before the first picture
	frames []frame
	length time.Duration
}

func loadFile(name string) (*mediaFile, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	m := &mediaFile{}
	var start uint32
	var last time.Duration
	for p, err := range flv.NewReader(bufio.NewReaderSize(f, 1<<20), nil).All() {
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if len(m.frames) == 0 && (p.Kind == media.KindData || p.Config) {
			m.first = append(m.first, fileFrame(p))
			continue
		}
		if p.Kind == media.KindData {
			continue
		}
		if len(m.frames) == 0 {
			start = p.Timestamp
		}
		fr := fileFrame(p)
		fr.at = max(time.Duration(int32(p.Timestamp-start))*time.Millisecond, last)
		last = fr.at
		m.frames = append(m.frames, fr)
	}
	if len(m.frames) == 0 {
		return nil, fmt.Errorf("%s holds no media", name)
	}
	// The last frame lasts as long as the average one.
	m.length = last + max(last/time.Duration(len(m.frames)), time.Millisecond)
	return m, nil
}

// fileFrame cuts a packet where its stamp goes. What has no place for one is sent as it is.
func fileFrame(p *media.Packet) frame {
	f := frame{kind: p.MessageType(), keyframe: p.Keyframe, plain: true, body: p.Payload}
	if p.Kind == media.KindData {
		f.kind = byte(rtmp.TypeDataAMF0)
		f.body = setDataFrame(p.Payload)
		return f
	}
	coded := !p.Config && !p.Enhanced && p.Type == media.PacketCodedFrames
	switch {
	case coded && p.Codec == media.CodecH264 && len(p.Payload) > 5:
		f.plain, f.header, f.body = false, p.Payload[:5], p.Payload[5:]
	case coded && p.Codec == media.CodecAAC && len(p.Payload) > 2:
		f.plain, f.header, f.body = false, p.Payload[:2], p.Payload[2:]
	}
	return f
}

// setDataFrame puts the handler name in front that makes a server keep metadata.
func setDataFrame(payload []byte) []byte {
	const name = "@setDataFrame"
	b := append(make([]byte, 0, 3+len(name)+len(payload)), 2, 0, byte(len(name)))
	return append(append(b, name...), payload...)
}

func (m *mediaFile) source() mediaSource { return &fileSource{mediaFile: m} }

type fileSource struct {
	*mediaFile
	index int
	round time.Duration
	frame frame
}

func (s *fileSource) preamble() []frame { return s.first }

func (s *fileSource) next() (*frame, error) {
	if s.index == len(s.frames) {
		s.index = 0
		s.round += s.length
	}
	s.frame = s.frames[s.index]
	s.frame.at += s.round
	s.index++
	return &s.frame, nil
}
