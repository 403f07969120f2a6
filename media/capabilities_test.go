package media

import "testing"

func TestCodecsThatClientsAnnounce(t *testing.T) {
	tests := []struct {
		name     string
		c        Capabilities
		has, not []Codec
	}{
		{"nothing", Capabilities{},
			[]Codec{CodecNone, CodecH264, CodecSorensonH263, CodecAAC, CodecPCMLE, CodecNellymoser16k, CodecMP38k, CodecDevice},
			[]Codec{CodecAVC1, CodecAV01, CodecMP4A, CodecMP3Enhanced, CodecOtherAudio, CodecOtherVideo, codecCount}},
		{"ffmpeg's masks", Capabilities{VideoCodecs: 252, AudioCodecs: 4071},
			[]Codec{CodecH264, CodecSorensonH263, CodecScreen2, CodecAAC, CodecSpeex, CodecMP3, CodecG711A, CodecNellymoser16k},
			[]Codec{CodecAVC1, CodecOpus, CodecDevice}},
		{"H.264 and AAC only", Capabilities{VideoCodecs: 0x80, AudioCodecs: 0x400},
			[]Codec{CodecH264, CodecAAC},
			[]Codec{CodecVP6, CodecSorensonH263, CodecMP3, CodecPCM, CodecPCMLE, CodecSpeex}},
		{"each sound bit", Capabilities{AudioCodecs: 0x01 | 0x04 | 0x0200},
			[]Codec{CodecPCM, CodecPCMLE, CodecMP3, CodecMP38k, CodecNellymoser16k},
			[]Codec{CodecADPCM, CodecNellymoser8k, CodecNellymoser, CodecG711A, CodecG711U, CodecAAC, CodecSpeex}},
		{"only unused bits", Capabilities{VideoCodecs: 0x03},
			nil, []Codec{CodecH264, CodecSorensonH263}},
		{"negative", Capabilities{VideoCodecs: -0x1000, AudioCodecs: -0x1000},
			[]Codec{CodecH264, CodecAAC}, nil},
		{"fourCcList", Capabilities{FourCCList: []string{"av01", "Opus", "nope", "", "toolong"}},
			[]Codec{CodecAV01, CodecOpus, CodecH264},
			[]Codec{CodecAVC1, CodecHVC1, CodecMP4A, CodecOtherVideo, CodecOtherAudio}},
		{"fourCcList is case-sensitive", Capabilities{FourCCList: []string{"opus", "AV01"}},
			nil, []Codec{CodecOpus, CodecAV01, CodecOtherAudio}},
		{"wildcard list", Capabilities{FourCCList: []string{"*"}},
			[]Codec{CodecAVC1, CodecVP09, CodecMP4A, CodecFLAC, CodecOtherVideo, CodecOtherAudio, CodecH264}, nil},
		{"info maps", Capabilities{
			VideoFourCCInfo: map[string]int{"hvc1": CanDecode, "vp09": CanEncode, "Opus": CanDecode},
			AudioFourCCInfo: map[string]int{"fLaC": CanDecode | CanEncode, "ac-3": 0}},
			[]Codec{CodecHVC1, CodecFLAC},
			[]Codec{CodecVP09, CodecOpus, CodecAC3, CodecAVC1}},
		{"wildcard in one map", Capabilities{VideoFourCCInfo: map[string]int{"*": CanForward, "vp09": CanEncode}},
			[]Codec{CodecVP09, CodecAV01, CodecOtherVideo},
			[]Codec{CodecOpus, CodecOtherAudio}},
		{"encoding wildcard takes nothing", Capabilities{AudioFourCCInfo: map[string]int{"*": CanEncode}},
			nil, []Codec{CodecOpus, CodecMP4A}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			set := tt.c.Codecs()
			for _, c := range tt.has {
				if !set.Has(c) {
					t.Errorf("%v is missing", c)
				}
			}
			for _, c := range tt.not {
				if set.Has(c) {
					t.Errorf("%v is there", c)
				}
			}
		})
	}
}

func TestFormThatSuitsTheViewer(t *testing.T) {
	const (
		h264    = "27 01 000000 41"
		avc1    = "A1 'avc1' 000000 41"
		modEx   = "A7 02 000001 01 'avc1' 000000 41"
		av1     = "91 'av01' 12"
		tracks  = "96 11 'av01' 00 000001 12 01 000001 13"
		track1  = "96 01 'av01' 01 12"
		command = "D1 00"
	)
	classic := Capabilities{}
	modern := Capabilities{FourCCList: []string{"avc1", "av01"}}
	full := Capabilities{FourCCList: []string{"avc1", "av01"}, CapsEx: CapsModEx | CapsMultitrack}
	onlyAV1 := Capabilities{FourCCList: []string{"av01"}, VideoCodecs: 0x04}
	tests := []struct {
		name        string
		viewer      Capabilities
		bytes, want string
	}{
		{"classic stays", classic, h264, same},
		{"classic for modern", modern, h264, same},
		{"classic that the mask leaves out", onlyAV1, h264, none},
		{"avc1 rewritten", classic, avc1, h264},
		{"avc1 rewritten from ModEx", classic, modEx, h264},
		{"avc1 passes", modern, avc1, same},
		{"avc1 that is nobody's", onlyAV1, avc1, none},
		{"ModEx taken off", modern, modEx, avc1},
		{"ModEx passes", full, modEx, same},
		{"AV1 for classic", classic, av1, none},
		{"AV1 passes", onlyAV1, av1, same},
		{"multitrack passes", full, tracks, same},
		{"multitrack made single", modern, tracks, av1},
		{"second track for single", modern, track1, none},
		{"command for modern", modern, command, same},
		{"command for classic", classic, command, none},
		{"malformed", full, "91 'av0'", none},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := NewPacket(KindVideo, 9, unhex(t, tt.bytes))
			got, ok := tt.viewer.Viewer().Form(p)
			if again, _ := tt.viewer.Viewer().Form(p); again != got {
				t.Error("made twice")
			}
			switch {
			case tt.want == none && !ok && got == nil:
			case tt.want == same && ok && got == p:
			case tt.want != none && tt.want != same && ok && string(got.Payload) == string(unhex(t, tt.want)) && got.Timestamp == 9:
			default:
				t.Errorf("got %+v, %v", got, ok)
			}
		})
	}
}

func TestDataAndSilenceAreForEveryViewer(t *testing.T) {
	for _, p := range []*Packet{NewPacket(KindData, 0, []byte{2, 0, 0}), NewPacket(KindAudio, 0, nil), NewPacket(KindVideo, 0, nil)} {
		for _, v := range viewers {
			if got, ok := v.Form(p); got != p || !ok {
				t.Errorf("%v of %+v: %v, %v", p.Kind, v, got, ok)
			}
		}
	}
}

func TestCanPlay(t *testing.T) {
	v := Capabilities{FourCCList: []string{"hvc1"}}.Viewer()
	for c, want := range map[Codec]bool{
		CodecNone: true, CodecH264: true, CodecAVC1: true, CodecMP4A: true, CodecMP3Enhanced: true, CodecHVC1: true,
		CodecAV01: false, CodecOpus: false, CodecOtherVideo: false, CodecOtherAudio: false, codecCount: false,
	} {
		if got := v.CanPlay(c); got != want {
			t.Errorf("CanPlay(%v) = %v", c, got)
		}
	}
}

func TestViewersOfOneClassAreEqual(t *testing.T) {
	a := Capabilities{VideoCodecs: 252, FourCCList: []string{"av01", "Opus"}}.Viewer()
	b := Capabilities{VideoCodecs: 0xFF, FourCCList: []string{"Opus", "av01", "zzzz"}}.Viewer()
	if a != b {
		t.Errorf("%+v and %+v", a, b)
	}
}

func TestCodecNames(t *testing.T) {
	seen := map[string]bool{}
	for c := range codecCount {
		if c.String() == "" || seen[c.String()] {
			t.Errorf("codec %d is called %q", c, c.String())
		}
		seen[c.String()] = true
		if f := c.FourCC(); f != 0 && (f.String() != c.String() || codecByFourCC(c.Kind(), f) != c) {
			t.Errorf("%v has FourCC %q", c, f)
		}
	}
	if got := FourCC(0x41000A42).String(); got != "A..B" {
		t.Errorf("unprintable FourCC is %q", got)
	}
	if got := CodecAV01.FourCC(); got != 1635135537 {
		t.Errorf("av01 is %d, want the number that files carry in videocodecid", got)
	}
}
