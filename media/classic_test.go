package media

import (
	"bytes"
	"testing"
)

func TestClassicFormsOfPackets(t *testing.T) {
	for _, g := range goldens {
		t.Run(g.name, func(t *testing.T) {
			p := NewPacket(g.kind, 0xFFFFFF00, unhex(t, g.bytes))
			got, ok := p.Classic()
			switch g.classic {
			case same:
				if got != p || !ok {
					t.Errorf("got %+v, %v, want the packet itself", got, ok)
				}
				return
			case none:
				if got != nil || ok {
					t.Errorf("got % X, want none", got.Payload)
				}
				return
			}
			if !ok {
				t.Fatal("no classic form")
			}
			if want := unhex(t, g.classic); !bytes.Equal(got.Payload, want) {
				t.Errorf("got % X, want % X", got.Payload, want)
			}
			if got.Timestamp != p.Timestamp || got.Kind != p.Kind || got.Enhanced {
				t.Errorf("got %+v", got)
			}
			if c, _ := p.Codec.Classic(); got.Codec != c && got.Codec != CodecMP38k && !p.SequenceEnd {
				t.Errorf("codec %v of %v, want %v", got.Codec, p.Codec, c)
			}
		})
	}
}

func TestEndOfEnhancedSoundBecomesSilence(t *testing.T) {
	for _, name := range []string{"mp4a", ".mp3"} {
		p := NewPacket(KindAudio, 0, unhex(t, "92 '"+name+"'"))
		got, ok := p.Classic()
		if !ok || !got.Silence || len(got.Payload) != 0 {
			t.Errorf("%s: %+v, %v", name, got, ok)
		}
	}
}

func TestMP3WithoutAFrameHeaderIsSaidToBeStereo(t *testing.T) {
	p := NewPacket(KindAudio, 0, unhex(t, "91 '.mp3' 00112233"))
	if got, ok := p.Classic(); !ok || got.Payload[0] != 0x2F {
		t.Errorf("got %+v", got)
	}
}

func TestDefaultTrackAlone(t *testing.T) {
	tests := []struct{ name, bytes, want string }{
		{"OneTrack", "96 01 'avc1' 00 000007 65", "91 'avc1' 000007 65"},
		{"ManyTracks", "A6 11 'avc1' 01 000005 000009 AABB  00 000004 FFFFFD CC", "A1 'avc1' FFFFFD CC"},
		{"ManyTracksManyCodecs", "96 21 'avc1' 01 000004 000002 BB 'av01' 00 000001 AA", "91 'av01' AA"},
		{"ModEx stays", "97 02 000010 06 03 'hvc1' 00 26", "97 02 000010 03 'hvc1' 26"},
		{"missing", "96 01 'avc1' 01 000007 65", none},
		{"not multitrack", "91 'av01' 12", same},
		{"malformed", "96 11 'avc1' 00 000005 65", none},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := NewPacket(KindVideo, 7, unhex(t, tt.bytes))
			got, ok := p.DefaultTrack()
			again, _ := p.DefaultTrack()
			switch {
			case again != got:
				t.Error("made twice")
			case tt.want == none && !ok && got == nil:
			case tt.want == same && got == p:
			case !ok || !bytes.Equal(got.Payload, unhex(t, tt.want)) || got.Timestamp != 7 || got.Err != nil:
				t.Errorf("got %+v, want %s", got, tt.want)
			}
		})
	}
}

func TestWithoutModEx(t *testing.T) {
	tests := []struct{ name, bytes, want string }{
		{"nanoseconds", "97 02 0F423F 01 'avc1' 000005 65", "91 'avc1' 000005 65"},
		{"two modifiers", "97 00 AA F7 FF 0003 000003EE 03 'hvc1' 26", "93 'hvc1' 26"},
		{"before a command", "D7 02 000001 01 00", "D1 00"},
		{"before multitrack", "97 02 000010 06 01 'av01' 03 12", "96 01 'av01' 03 12"},
		{"none", "91 'av01' 12", same},
		{"malformed", "97 02 0F42", same},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := NewPacket(KindVideo, 7, unhex(t, tt.bytes))
			got := p.WithoutModEx()
			if got != p.WithoutModEx() {
				t.Error("made twice")
			}
			if tt.want == same {
				if got != p {
					t.Errorf("got % X", got.Payload)
				}
				return
			}
			if !bytes.Equal(got.Payload, unhex(t, tt.want)) || got.ModEx || got.Timestamp != 7 {
				t.Errorf("got % X, want %s", got.Payload, tt.want)
			}
		})
	}
}

func FuzzClassic(f *testing.F) {
	for _, g := range goldens {
		f.Add(uint8(g.kind), uint32(0), unhex(f, g.bytes))
	}
	f.Fuzz(func(t *testing.T, kind uint8, timestamp uint32, payload []byte) {
		p, ok := FromMessage(kind, timestamp, payload)
		if !ok {
			return
		}
		before := bytes.Clone(payload)
		classic, ok := p.Classic()
		single, okSingle := p.DefaultTrack()
		if !bytes.Equal(before, p.Payload) {
			t.Fatal("payload was modified")
		}
		if okSingle && single.Err != nil {
			t.Fatalf("default track of % X is malformed: %v", payload, single.Err)
		}
		if !ok || !p.Enhanced {
			return
		}
		was, _ := p.Track(0)
		is, _ := classic.Track(0)
		if p.Type != PacketSequenceEnd && (!bytes.Equal(was.Body, is.Body) || was.CompositionTime != is.CompositionTime) {
			t.Fatalf("track % X at %d became % X at %d", was.Body, was.CompositionTime, is.Body, is.CompositionTime)
		}
		if classic.Timestamp != timestamp || classic.Config != p.Config || classic.Keyframe != p.Keyframe {
			t.Fatalf("%+v became %+v", p.Info, classic.Info)
		}
	})
}
