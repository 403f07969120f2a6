package netconn

import (
	"slices"
	"testing"

	"afterglow/amf"
	"afterglow/media"
)

// direct is a client that plays on stream 3 from a peer.
func direct(t *testing.T, e StreamEvents) *Client {
	t.Helper()
	c := NewClient(&fakeTransport{}, ClientEvents{})
	if _, err := c.AdoptStream(3, e); err != nil {
		t.Fatal(err)
	}
	return c
}

func encoded(t *testing.T, messageType uint8, values ...amf.Value) Message {
	t.Helper()
	m := Message{Type: messageType, StreamID: 3}
	var err error
	if messageType == TypeDataAMF3 || messageType == TypeCommandAMF3 {
		m.Payload, err = amf.AppendExtended(nil, values...)
	} else {
		m.Payload, err = amf.Append0(nil, values...)
	}
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// librtmfp leaves the null out that others send in the place of a command object.
func TestStatusIsReadWithAndWithoutANull(t *testing.T) {
	info := amf.NewObject(amf.Property{Name: "level", Value: "status"}, amf.Property{Name: "code", Value: string(PlayStart)})
	for name, values := range map[string][]amf.Value{
		"null":    {"onStatus", 0.0, nil, info},
		"no null": {"onStatus", 0.0, info},
	} {
		var got []Code
		c := direct(t, StreamEvents{Status: func(s Status) { got = append(got, s.Code) }})
		c.Receive(encoded(t, TypeCommandAMF0, values...))
		if !slices.Equal(got, []Code{PlayStart}) {
			t.Errorf("%s: statuses %q, want %q", name, got, PlayStart)
		}
	}
}

// A peer that publishes may send what is meant for servers as it is.
func TestFrameThatIsMeantForServersIsUnpacked(t *testing.T) {
	about := amf.NewObject(amf.Property{Name: "width", Value: 1280.0})
	for _, messageType := range []uint8{TypeDataAMF0, TypeDataAMF3} {
		var got []*media.Packet
		c := direct(t, StreamEvents{Packet: func(p *media.Packet) { got = append(got, p) }})
		want := encoded(t, messageType, "onMetaData", about)
		c.Receive(encoded(t, messageType, "@setDataFrame", "onMetaData", about))
		c.Receive(want)
		if len(got) != 2 {
			t.Fatalf("type %d: %d packets, want 2", messageType, len(got))
		}
		for i, p := range got {
			if string(p.Payload) != string(want.Payload) {
				t.Errorf("type %d, packet %d: % X, want % X", messageType, i, p.Payload, want.Payload)
			}
		}
	}
}
