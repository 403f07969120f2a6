package media

import "testing"

func TestFrameTypeZeroIsInferred(t *testing.T) {
	for _, test := range []struct {
		name  string
		bytes string
		want  FrameType
	}{
		{"avc1, IDR behind SEI", "81 'avc1' 000000 00000002 0605 00000002 6588", FrameKey},
		{"avc1, slice", "83 'avc1' 00000002 4188", FrameInter},
		{"avc1, units longer than the packet", "83 'avc1' 00000009 6588", FrameInter},
		{"hvc1, IDR_W_RADL", "83 'hvc1' 00000003 260188", FrameKey},
		{"hvc1, CRA behind parameter sets", "81 'hvc1' 000000 00000002 4001 00000003 2A0188", FrameKey},
		{"hvc1, TRAIL_R", "83 'hvc1' 00000003 020188", FrameInter},
		{"vvc1, IDR", "83 'vvc1' 00000003 004188", FrameKey},
		{"vvc1, TRAIL", "83 'vvc1' 00000003 000188", FrameInter},
		{"av01, sequence header behind a delimiter", "83 'av01' 1200 0A02 AABB 3201 10", FrameKey},
		{"av01, frame behind a delimiter", "83 'av01' 1200 3201 10", FrameInter},
		{"av01, size past the end", "83 'av01' 12FF", FrameInter},
		{"av01, endless size", "83 'av01' 12 FFFFFFFFFFFFFFFFFFFF 0A", FrameInter},
		{"vp08, key", "81 'vp08' 10", FrameKey},
		{"vp08, inter", "81 'vp08' 11", FrameInter},
		{"vp09, key", "81 'vp09' 82", FrameKey},
		{"vp09, inter", "81 'vp09' 86", FrameInter},
		{"vp09, key of profile 3", "81 'vp09' B0", FrameKey},
		{"vp09, inter of profile 3", "81 'vp09' B2", FrameInter},
		{"vp09, existing frame", "81 'vp09' 88", FrameInter},
		{"no body", "81 'av01'", FrameInter},
		{"another codec", "81 'what' 65", FrameInter},
		{"default track of several", "86 11 'av01' 01 000002 1200 00 000004 1200 0A00", FrameKey},
		{"not the default track", "86 11 'av01' 01 000002 0A00 00 000002 1200", FrameInter},
	} {
		p := NewPacket(KindVideo, 0, unhex(t, test.bytes))
		if p.Err != nil {
			t.Errorf("%s: %v", test.name, p.Err)
		}
		if p.Frame != test.want || p.Keyframe != test.want.Key() {
			t.Errorf("%s: frame type %d, keyframe %v, want %d", test.name, p.Frame, p.Keyframe, test.want)
		}
	}
}

func TestInferredFrameTypeReachesClassicViewers(t *testing.T) {
	p, ok := NewPacket(KindVideo, 7, unhex(t, "83 'avc1' 00000002 6588")).Classic()
	if !ok {
		t.Fatal("no classic form")
	}
	if want := "\x17\x01\x00\x00\x00\x00\x00\x00\x02\x65\x88"; string(p.Payload) != want {
		t.Errorf("got % x, want % x", p.Payload, want)
	}
}

func TestFrameTypeZeroIsReservedInClassicTags(t *testing.T) {
	if p := NewPacket(KindVideo, 0, unhex(t, "07 01 000000 0000000165")); p.Err == nil {
		t.Error("it was taken")
	}
}
