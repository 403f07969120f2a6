package acceptance_test

import (
	"fmt"
	"testing"

	"afterglow/amf"
	"afterglow/netconn"
	"afterglow/netconn/netconntest"
)

// connected is a raw client that has been let in.
func connected(t *testing.T, s *server, app string, args ...amf.Value) *netconntest.Peer {
	t.Helper()
	p := connecting(t, s, app, args...)
	p.Until("0 _result 1 ")
	p.Expect(s.net.Manner().After...)
	return p
}

// line is the line of an onStatus on stream 1.
func line(level string, code netconn.Code, description, details string) string {
	return fmt.Sprintf("1 onStatus 0 null {level: %q, code: %q, description: %q, details: %q, clientid: ID}", level, string(code), description, details)
}

func reset(name string) string {
	return line("status", netconn.PlayReset, "Playing and resetting "+name+".", name)
}

func started(name string) string {
	return line("status", netconn.PlayStart, "Started playing "+name+".", name)
}

// prelude is what a subscriber gets behind Play.Start.
func prelude(audio, video bool) []string {
	return []string{fmt.Sprintf("1 data @0 |RtmpSampleAccess %t %t", audio, video), `1 data @0 onStatus {code: "NetStream.Data.Start"}`}
}

// begins is everything that a subscriber gets up to the media.
func begins(name string) []string {
	return append([]string{"control 0 1", reset(name), started(name)}, prelude(false, false)...)
}

// object sends a shared object message.
func object(p *netconntest.Peer, name string, version uint32, events ...netconn.SharedObjectEvent) {
	for _, m := range netconn.NewSharedObjectUpdate(netconn.SharedObjectMessage{Name: name, Version: version, Events: events}).Messages(netconn.AMF0) {
		p.Send(m)
	}
}
