package media

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestParseTellsWhatPacketsAre(t *testing.T) {
	for _, g := range goldens {
		t.Run(g.name, func(t *testing.T) {
			p := NewPacket(g.kind, 1234, unhex(t, g.bytes))
			if p.Err != nil {
				t.Fatalf("Err = %v", p.Err)
			}
			if diff := cmp.Diff(g.info, p.Info, cmpopts.EquateErrors()); diff != "" {
				t.Errorf("Info (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(p.Info, Parse(g.kind, p.Payload), cmpopts.EquateErrors()); diff != "" {
				t.Errorf("Parse disagrees with NewPacket:\n%s", diff)
			}
			if p.Timestamp != 1234 || p.MessageType() != uint8(g.kind) {
				t.Errorf("timestamp %d, message type %d", p.Timestamp, p.MessageType())
			}
		})
	}
}

func TestTracksOfPackets(t *testing.T) {
	for _, g := range goldens {
		t.Run(g.name, func(t *testing.T) {
			p := NewPacket(g.kind, 0, unhex(t, g.bytes))
			var got []wantTrack
			for track, err := range p.Tracks() {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, wantTrack{track.ID, track.Codec, track.CompositionTime, string(track.Body)})
			}
			want := slices.Clone(g.tracks)
			for i := range want {
				want[i].body = string(unhex(t, want[i].body))
			}
			if !slices.Equal(got, want) {
				t.Errorf("tracks %+v, want %+v", got, want)
			}
			for _, w := range want {
				if track, ok := p.Track(w.id); !ok || string(track.Body) != w.body {
					t.Errorf("Track(%d) = %+v, %v", w.id, track, ok)
				}
			}
			if _, ok := p.Track(77); ok {
				t.Error("Track(77) exists")
			}
		})
	}
}

func TestTruncatedPacketsAreMalformedAndHarmless(t *testing.T) {
	for _, g := range goldens {
		t.Run(g.name, func(t *testing.T) {
			payload := unhex(t, g.bytes)
			for n := range len(payload) + 1 {
				p := NewPacket(g.kind, 0, slices.Clip(payload[:n]))
				sound := n == 0 || g.soundIf > 0 && n >= g.soundIf || slices.Contains(g.sound, n)
				if (p.Err == nil) != sound {
					t.Errorf("%d of %d bytes: Err = %v, want sound: %v", n, len(payload), p.Err, sound)
				}
				if p.Err != nil && !errors.Is(p.Err, ErrTruncated) {
					t.Errorf("%d bytes: %v is not ErrTruncated", n, p.Err)
				}
				check(t, p)
			}
		})
	}
}

// check holds a packet of any origin against what is promised of all.
func check(t testing.TB, p *Packet) {
	t.Helper()
	if p.Malformed() && (p.Config || p.Keyframe || p.SequenceEnd || p.Metadata) {
		t.Errorf("malformed packet % X is said to be %+v", p.Payload, p.Info)
	}
	tracks, length, failed := 0, 0, false
	for track, err := range p.Tracks() {
		if failed {
			t.Errorf("% X: a track after the error", p.Payload)
		}
		if err != nil {
			failed = true
			continue
		}
		tracks++
		length += len(track.Body)
	}
	if failed && p.Err == nil || p.Err == nil && tracks != int(p.TrackCount) || length > len(p.Payload) {
		t.Errorf("% X: %d tracks of %d bytes, failed %v: %+v", p.Payload, tracks, length, failed, p.Info)
	}
	classic, ok := p.Classic()
	if again, _ := p.Classic(); again != classic {
		t.Errorf("% X: made twice", p.Payload)
	}
	if ok && p.Enhanced && (classic.Enhanced || classic.Err != nil || classic.Timestamp != p.Timestamp || classic.Keyframe != p.Keyframe) {
		t.Errorf("% X became % X, %+v", p.Payload, classic.Payload, classic.Info)
	}
	if ok != (classic != nil) {
		t.Errorf("% X: packet %v with %v", p.Payload, classic, ok)
	}
	for _, v := range viewers {
		form, ok := v.Form(p)
		if ok && form.Err != nil && form.Kind != KindData {
			t.Errorf("% X: viewer %+v gets malformed % X", p.Payload, v, form.Payload)
		}
		if ok && (form.Multitrack && !v.Multitrack || form.ModEx && !v.ModEx) {
			t.Errorf("% X: viewer %+v gets %+v", p.Payload, v, form.Info)
		}
	}
}

var viewers = []Viewer{
	{},
	Capabilities{}.Viewer(),
	Capabilities{FourCCList: []string{Wildcard}}.Viewer(),
	Capabilities{FourCCList: []string{Wildcard}, CapsEx: CapsModEx | CapsMultitrack}.Viewer(),
}

func TestMalformedPackets(t *testing.T) {
	many := "96 11 'av01'"
	for range MaxTracks + 1 {
		many += "00 000000"
	}
	tests := []struct {
		name  string
		kind  Kind
		bytes string
		want  error
	}{
		{"reserved frame type", KindVideo, "02 AA", ErrReserved},
		{"reserved frame type, H.264", KindVideo, "77 01 000000 AA", ErrReserved},
		{"reserved frame type, enhanced", KindVideo, "E1 'av01' AA", ErrReserved},
		{"reserved AVC packet type", KindVideo, "17 03 000000 AA", ErrReserved},
		{"reserved AAC packet type", KindAudio, "AF 02 AA", ErrReserved},
		{"empty H.264 configuration", KindVideo, "17 00 000000", ErrTruncated},
		{"empty AAC configuration", KindAudio, "AF 00", ErrTruncated},
		{"empty hvc1 configuration", KindVideo, "90 'hvc1'", ErrTruncated},
		{"reserved video packet type", KindVideo, "98 'av01' AA", ErrReserved},
		{"reserved audio packet type", KindAudio, "93 'Opus' AA", ErrReserved},
		{"reserved multitrack type", KindVideo, "96 31 'av01' 00", ErrReserved},
		{"multitrack in multitrack", KindVideo, "96 06 'av01' 00", ErrReserved},
		{"ModEx in multitrack", KindVideo, "96 07 'av01' 00", ErrReserved},
		{"nanoseconds of a millisecond", KindVideo, "97 02 0F4240 01 'av01'", ErrReserved},
		{"nanoseconds in two bytes", KindVideo, "97 01 0001 01 'av01'", ErrTruncated},
		{"track larger than the packet", KindVideo, "96 11 'av01' 00 FFFFFF AA", ErrTruncated},
		{"too many tracks", KindVideo, many, ErrTooManyTracks},
		{"second track truncated", KindVideo, "96 11 'av01' 00 000001 AA 01 000002 BB", ErrTruncated},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := NewPacket(tt.kind, 0, unhex(t, tt.bytes))
			if !errors.Is(p.Err, tt.want) {
				t.Errorf("Err = %v, want %v", p.Err, tt.want)
			}
			check(t, p)
		})
	}
}

func TestTracksBeforeAFaultAreSound(t *testing.T) {
	p := NewPacket(KindVideo, 0, unhex(t, "96 11 'av01' 00 000001 AA 01 000002 BB"))
	var ids []uint8
	var last error
	for track, err := range p.Tracks() {
		if last = err; err == nil {
			ids = append(ids, track.ID)
		}
	}
	if !slices.Equal(ids, []uint8{0}) || !errors.Is(last, ErrTruncated) {
		t.Errorf("ids %v, then %v", ids, last)
	}
}

func TestTrackBodiesCannotGrowIntoEachOther(t *testing.T) {
	p := NewPacket(KindVideo, 0, unhex(t, "96 11 'av01' 00 000001 AA 01 000001 BB"))
	for track := range p.Tracks() {
		_ = append(track.Body, 0xEE)
	}
	if got, _ := p.Track(1); string(got.Body) != "\xBB" {
		t.Errorf("track 1 became % X", got.Body)
	}
}

func TestFromMessage(t *testing.T) {
	for messageType := range 256 {
		p, ok := FromMessage(uint8(messageType), 5, []byte{0})
		want := messageType == 8 || messageType == 9 || messageType == 15 || messageType == 18
		if ok != want {
			t.Fatalf("message type %d: %v", messageType, ok)
		}
		if ok && p.MessageType() != uint8(messageType) {
			t.Errorf("message type %d became %d", messageType, p.MessageType())
		}
		if ok && p.DataIsAMF3 != (messageType == 15) {
			t.Errorf("message type %d: DataIsAMF3 = %v", messageType, p.DataIsAMF3)
		}
	}
}

func TestWithTimestampSharesAllButDerivedForms(t *testing.T) {
	p := NewPacket(KindVideo, 10, unhex(t, "97 02 00000A 01 'avc1' 000005 65"))
	classic, _ := p.Classic()
	q := p.WithTimestamp(4_000_000_000)
	if q.Timestamp != 4_000_000_000 || p.Timestamp != 10 {
		t.Errorf("timestamps %d and %d", p.Timestamp, q.Timestamp)
	}
	if diff := cmp.Diff(p.Info, q.Info); diff != "" {
		t.Error(diff)
	}
	if &q.Payload[0] != &p.Payload[0] {
		t.Error("payload was copied")
	}
	moved, ok := q.Classic()
	if !ok || moved == classic || moved.Timestamp != 4_000_000_000 {
		t.Errorf("classic form of the moved packet: %+v", moved)
	}
	if track, ok := q.Track(0); !ok || string(track.Body) != "\x65" {
		t.Errorf("track %+v", track)
	}
}

func TestSupersedes(t *testing.T) {
	const (
		avc    = "17 00 000000 01"
		hevc   = "90 'hvc1' 01"
		ts     = "95 'av01' 01"
		track1 = "96 00 'av01' 01 AA"
		both   = "96 10 'av01' 00 000001 AA 01 000001 BB"
		colour = "94 'av01' 02 0000"
		frame  = "17 01 000000 65"
	)
	tests := []struct {
		name     string
		new, old string
		want     bool
	}{
		{"same", avc, avc, true},
		{"change of codec", hevc, avc, true},
		{"other form of sequence start", ts, hevc, true},
		{"other track", track1, avc, false},
		{"both tracks over one", both, track1, true},
		{"both tracks over the unnamed one", both, avc, true},
		{"one track over both", track1, both, false},
		{"metadata over configuration", colour, avc, false},
		{"metadata over metadata", colour, colour, true},
		{"media", frame, frame, false},
		{"malformed", "17 00 000000", avc, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, old := NewPacket(KindVideo, 0, unhex(t, tt.new)), NewPacket(KindVideo, 0, unhex(t, tt.old))
			if got := p.Supersedes(old); got != tt.want {
				t.Errorf("got %v", got)
			}
		})
	}
	multichannel := NewPacket(KindAudio, 0, unhex(t, "94 'Opus' 00 02"))
	start := NewPacket(KindAudio, 0, unhex(t, "90 'Opus'"))
	if multichannel.Supersedes(start) || start.Supersedes(multichannel) {
		t.Error("channel configuration and sequence start are both needed")
	}
}

func TestTimestampsAcrossTheWrap(t *testing.T) {
	tests := []struct {
		from, to uint32
		want     int32
	}{
		{0, 0, 0},
		{0, 40, 40},
		{40, 0, -40},
		{0xFFFFFFF6, 10, 20},
		{10, 0xFFFFFFF6, -20},
		{0, 1<<31 - 1, 1<<31 - 1},
		{0xFFFFFF, 0x1000000, 1},
	}
	for _, tt := range tests {
		if got := Elapsed(tt.from, tt.to); got != tt.want {
			t.Errorf("Elapsed(%d, %d) = %d, want %d", tt.from, tt.to, got, tt.want)
		}
		if got := Before(tt.from, tt.to); got != (tt.want > 0) {
			t.Errorf("Before(%d, %d) = %v", tt.from, tt.to, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, g := range goldens {
		f.Add(uint8(g.kind), unhex(f, g.bytes))
	}
	f.Fuzz(func(t *testing.T, kind uint8, payload []byte) {
		if p, ok := FromMessage(kind, 0, payload); ok {
			check(t, p)
		}
	})
}

func BenchmarkNewPacket(b *testing.B) {
	for _, g := range []string{"27 01 FFFFFE 41", "A1 'avc1' 000021 0000000141", "96 21 'av01' 01 000001 AA 'avc1' 00 000004 000002 BB"} {
		payload := unhex(b, g)
		b.Run(g, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				NewPacket(KindVideo, 0, payload)
			}
		})
	}
}
