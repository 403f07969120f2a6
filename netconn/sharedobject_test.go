package netconn

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"strings"
	"sync"
	"testing"

	"afterglow/amf"

	"github.com/google/go-cmp/cmp"
)

// octets reads hexadecimal digits and text in single quotes.
func octets(t testing.TB, s string) []byte {
	t.Helper()
	var b []byte
	for i, part := range strings.Split(s, "'") {
		if i%2 == 1 {
			b = append(b, part...)
			continue
		}
		digits, err := hex.DecodeString(strings.Join(strings.Fields(part), ""))
		if err != nil {
			t.Fatal(err)
		}
		b = append(b, digits...)
	}
	return b
}

// goldenHead is the object so in version 7, persistent.
const goldenHead = "0002 'so' 00000007 00000002 00000000 "

// goldenEvents are the events in AMF0 and in AMF3, from the tables of server-side-api 3.8 and of the two AMF specifications.
var goldenEvents = []struct {
	name       string
	event      SharedObjectEvent
	amf0, amf3 string
}{
	{"use", SharedObjectEvent{Type: SOUse}, "01 00000000", "01 00000000"},
	{"release", SharedObjectEvent{Type: SORelease}, "02 00000000", "02 00000000"},
	{"request change", SharedObjectEvent{Type: SORequestChange, Name: "a", Value: true},
		"03 00000005 0001 'a' 01 01", "03 00000005 0001 'a' 01 01"},
	{"change", SharedObjectEvent{Type: SOChange, Name: "a", Value: amf.NewArray(1.0)},
		"04 00000011 0001 'a' 0A 00000001 00 3FF0000000000000", "04 00000009 0001 'a' 11 09 03 01 04 01"},
	{"success", SharedObjectEvent{Type: SOSuccess, Name: "a"}, "05 00000003 0001 'a'", "05 00000003 0001 'a'"},
	{"send", SharedObjectEvent{Type: SOSend, Name: "f", Args: []amf.Value{"x", amf.NewArray()}},
		"06 0000000D 02 0001 'f' 02 0001 'x' 0A 00000000", "06 0000000C 02 0001 'f' 02 0001 'x' 11 09 01 01"},
	{"status", SharedObjectEvent{Type: SOStatus, Name: string(SharedObjectNoWriteAccess), Level: LevelError},
		"07 00000023 001A 'SharedObject.NoWriteAccess' 0005 'error'", "07 00000023 001A 'SharedObject.NoWriteAccess' 0005 'error'"},
	{"clear", SharedObjectEvent{Type: SOClear}, "08 00000000", "08 00000000"},
	{"remove", SharedObjectEvent{Type: SORemove, Name: "a"}, "09 00000003 0001 'a'", "09 00000003 0001 'a'"},
	{"request remove", SharedObjectEvent{Type: SORequestRemove, Name: "a"}, "0A 00000003 0001 'a'", "0A 00000003 0001 'a'"},
	{"use success", SharedObjectEvent{Type: SOUseSuccess}, "0B 00000000", "0B 00000000"},
}

var sameMessage = cmp.Comparer(func(a, b SharedObjectEvent) bool {
	return a.Type == b.Type && a.Name == b.Name && a.Level == b.Level && amf.Equal(a.Value, b.Value) &&
		amf.Equal(amf.NewArray(a.Args...), amf.NewArray(b.Args...))
})

func TestSharedObjectEventsAreWrittenAndReadAsSpecified(t *testing.T) {
	for _, test := range goldenEvents {
		m := SharedObjectMessage{Name: "so", Version: 7, Persistent: true, Events: []SharedObjectEvent{test.event}}
		u := NewSharedObjectUpdate(m)
		for _, form := range []struct {
			encoding Encoding
			want     Message
		}{
			{AMF0, Message{Type: TypeSharedObjectAMF0, Payload: octets(t, goldenHead+test.amf0)}},
			{AMF3, Message{Type: TypeSharedObjectAMF3, Payload: octets(t, "00"+goldenHead+test.amf3)}},
		} {
			if diff := cmp.Diff([]Message{form.want}, u.Messages(form.encoding)); diff != "" {
				t.Errorf("%s in AMF%d (-want +got):\n%s", test.name, form.encoding, diff)
			}
			got, err := ParseSharedObject(form.want)
			if err != nil {
				t.Fatalf("%s in AMF%d: %v", test.name, form.encoding, err)
			}
			if diff := cmp.Diff(&m, got, sameMessage); diff != "" {
				t.Errorf("%s in AMF%d is read as (-want +got):\n%s", test.name, form.encoding, diff)
			}
		}
	}
}

func TestEveryCutOfASharedObjectMessageIsRefused(t *testing.T) {
	all := goldenHead
	for _, test := range goldenEvents {
		all += " " + test.amf0
	}
	payload := octets(t, all)
	whole := map[int]bool{len(octets(t, goldenHead)): true}
	at := len(octets(t, goldenHead))
	for _, test := range goldenEvents {
		at += len(octets(t, test.amf0))
		whole[at] = true
	}
	for n := range len(payload) + 1 {
		m, err := ParseSharedObject(Message{Type: TypeSharedObjectAMF0, Payload: payload[:n]})
		if whole[n] != (err == nil) {
			t.Errorf("cut to %d bytes: %v", n, err)
		}
		if err != nil && !errors.Is(err, ErrProtocol) {
			t.Errorf("cut to %d bytes: %v", n, err)
		}
		if n == len(payload) && len(m.Events) != len(goldenEvents) {
			t.Errorf("%d events", len(m.Events))
		}
	}
	// A payload that ends within an event whose length says that it is whole.
	for _, test := range goldenEvents {
		for _, form := range []string{test.amf0, test.amf3} {
			event := octets(t, form)
			for n := 6; n < len(event); n++ {
				cut := bytes.Clone(event[:n])
				binary.BigEndian.PutUint32(cut[1:], uint32(n-5))
				m := Message{Type: TypeSharedObjectAMF0, Payload: append(octets(t, goldenHead), cut...)}
				if got, err := ParseSharedObject(m); err == nil && !(test.name == "send" && len(got.Events[0].Args) < 2) {
					t.Errorf("%s of %d bytes is read as %+v", test.name, n-5, got.Events)
				}
			}
		}
	}
}

func TestSharedObjectMessagesOfClientsMayBeOdd(t *testing.T) {
	for _, test := range []struct {
		name, body string
		want       SharedObjectMessage
	}{
		{"other bits beside persistence", "0001 'x' 00000000 00000012 00000000 01 00000000",
			SharedObjectMessage{Name: "x", Persistent: true, Events: []SharedObjectEvent{{Type: SOUse}}}},
		{"other bits without persistence", "0001 'x' 00000000 00000010 00000000 01 00000000",
			SharedObjectMessage{Name: "x", Events: []SharedObjectEvent{{Type: SOUse}}}},
		{"several events", "0001 'x' 00000000 00000000 00000000 01 00000000 03 00000005 0001 'a' 01 01 02 00000000",
			SharedObjectMessage{Name: "x", Events: []SharedObjectEvent{{Type: SOUse}, {Type: SORequestChange, Name: "a", Value: true}, {Type: SORelease}}}},
		{"several changes in one event", "0001 'x' 00000000 00000000 00000000 04 00000009 0001 'a' 01 01 0001 'b' 05",
			SharedObjectMessage{Name: "x", Events: []SharedObjectEvent{{Type: SOChange, Name: "a", Value: true}, {Type: SOChange, Name: "b"}}}},
		{"events with nothing in them", "0001 'x' 00000000 00000000 00000000 03 00000000 06 00000000 07 00000000 0A 00000000",
			SharedObjectMessage{Name: "x"}},
		{"unknown events", "0001 'x' 00000000 00000000 00000000 0C 00000001 FF 00 00000000 02 00000000",
			SharedObjectMessage{Name: "x", Events: []SharedObjectEvent{{Type: SORelease}}}},
		{"something behind a release", "0001 'x' 00000000 00000000 00000000 02 00000001 00",
			SharedObjectMessage{Name: "x", Events: []SharedObjectEvent{{Type: SORelease}}}},
	} {
		for _, m := range []Message{
			{Type: TypeSharedObjectAMF0, Payload: octets(t, test.body)},
			{Type: TypeSharedObjectAMF3, Payload: octets(t, "00"+test.body)},
		} {
			got, err := parseSharedObject(m, clientsSharedObjects)
			if err != nil {
				t.Errorf("%s: %v", test.name, err)
				continue
			}
			if diff := cmp.Diff(&test.want, got, sameMessage); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.name, diff)
			}
		}
	}
}

func TestSharedObjectMessagesHaveLimits(t *testing.T) {
	head := func(name string) []byte {
		b := append(binary.BigEndian.AppendUint16(nil, uint16(len(name))), name...)
		return append(b, make([]byte, 12)...)
	}
	event := func(b []byte, kind SharedObjectEventType, payload ...byte) []byte {
		b = binary.BigEndian.AppendUint32(append(b, byte(kind)), uint32(len(payload)))
		return append(b, payload...)
	}
	names := func(n, size int) []byte {
		var b []byte
		for range n {
			b = append(binary.BigEndian.AppendUint16(b, uint16(size)), strings.Repeat("n", size)...)
		}
		return b
	}
	many := func(n int) []byte {
		b := head("x")
		for range n {
			b = event(b, SORelease)
		}
		return b
	}
	handler := func(n int) []byte { return event(head("x"), SOSend, amf.AppendString0(nil, strings.Repeat("h", n))...) }
	for _, test := range []struct {
		name    string
		payload []byte
		want    error
	}{
		{"a long name", event(head(strings.Repeat("x", 1024)), SOUse), nil},
		{"a longer one", event(head(strings.Repeat("x", 1025)), SOUse), ErrLimit},
		{"no name", event(head(""), SOUse), ErrProtocol},
		{"a long property", event(head("x"), SORequestRemove, names(1, 4096)...), nil},
		{"a longer one", event(head("x"), SORequestRemove, names(1, 4097)...), ErrLimit},
		{"a long handler", handler(4096), nil},
		{"a longer one", handler(4097), ErrLimit},
		{"a handler that is a number", event(head("x"), SOSend, 0, 0, 0, 0, 0, 0, 0, 0, 0), ErrProtocol},
		{"many events", many(4096), nil},
		{"too many events", many(4097), ErrLimit},
		{"too many names in one event", event(head("x"), SORequestRemove, names(4097, 1)...), ErrLimit},
		{"a megabyte", event(head("x"), 99, make([]byte, 1<<20-20)...), nil},
		{"and a byte", event(head("x"), 99, make([]byte, 1<<20-19)...), ErrLimit},
	} {
		_, err := parseSharedObject(Message{Type: TypeSharedObjectAMF0, Payload: test.payload}, clientsSharedObjects)
		if !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", test.name, err, test.want)
		}
	}
	if _, err := ParseSharedObject(Message{Type: TypeSharedObjectAMF3, Payload: append([]byte{3}, many(1)...)}); !errors.Is(err, ErrProtocol) {
		t.Errorf("a format selector of 3: %v", err)
	}
}

func TestValuesWithoutAWordInTheEncodingAreUndefined(t *testing.T) {
	u := NewSharedObjectUpdate(SharedObjectMessage{Name: "x", Events: []SharedObjectEvent{
		{Type: SOChange, Name: "a", Value: &amf.ByteArray{Bytes: []byte{1}}},
		{Type: SOSend, Name: "f", Args: []amf.Value{1.0, amf.NewArray(&amf.ByteArray{}), struct{}{}, 2.0}},
	}})
	for encoding, want := range map[Encoding]string{AMF0: "undefined [1, undefined, undefined, 2]", AMF3: "ByteArray(1 bytes) [1, [ByteArray(0 bytes)], undefined, 2]"} {
		m, err := ParseSharedObject(u.Messages(encoding)[0])
		if err != nil {
			t.Fatal(err)
		}
		if got := amf.Format(m.Events[0].Value) + " " + amf.Format(amf.NewArray(m.Events[1].Args...)); got != want {
			t.Errorf("AMF%d: %s, want %s", encoding, got, want)
		}
	}
}

func TestUpdateIsEncodedOnceForAllWhoGetIt(t *testing.T) {
	u := NewSharedObjectUpdate(SharedObjectMessage{Name: "x", Events: []SharedObjectEvent{{Type: SOClear}}})
	got := make([][]Message, 8)
	var all sync.WaitGroup
	for i := range got {
		all.Go(func() { got[i] = u.Messages(AMF3) })
	}
	all.Wait()
	for _, messages := range got {
		if &messages[0].Payload[0] != &got[0][0].Payload[0] {
			t.Error("encoded again")
		}
	}
}

func TestLargeUpdateGoesOutInParts(t *testing.T) {
	m := SharedObjectMessage{Name: "x", Version: 9, Events: []SharedObjectEvent{{Type: SOUseSuccess}, {Type: SOClear}}}
	for i := range 50 {
		m.Events = append(m.Events, SharedObjectEvent{Type: SOChange, Name: string(rune('A' + i)), Value: strings.Repeat("v", 100_000)})
	}
	m.Events = append(m.Events, SharedObjectEvent{Type: SOChange, Name: "too much", Value: strings.Repeat("v", 1<<24)})
	var got []SharedObjectEvent
	parts := NewSharedObjectUpdate(m).Messages(AMF0)
	for _, part := range parts {
		if len(part.Payload) > sharedObjectPart+1000 {
			t.Errorf("a part of %d bytes", len(part.Payload))
		}
		p, err := ParseSharedObject(part)
		if err != nil {
			t.Fatal(err)
		}
		if p.Version != 9 || p.Name != "x" {
			t.Errorf("a part is about %q in version %d", p.Name, p.Version)
		}
		got = append(got, p.Events...)
	}
	m.Events[len(m.Events)-1].Value = amf.Undefined // a message cannot carry it
	if diff := cmp.Diff(m.Events, got, sameMessage); diff != "" || len(parts) < 5 {
		t.Errorf("%d parts (-want +got):\n%s", len(parts), diff)
	}
}
