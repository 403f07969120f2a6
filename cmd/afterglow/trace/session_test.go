package trace

import (
	"bytes"
	"encoding/binary"
	"os"
	"strings"
	"testing"
	"time"

	"afterglow/amf"
	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
	"afterglow/rtmfp/simnet"
)

// stage is a client and a server of ours on a simulated network, with a capture of what arrives.
type stage struct {
	t              *testing.T
	network        *simnet.Network
	client, server *actor
	capture        bytes.Buffer
	keys           []string
}

type actor struct {
	host     *simnet.Host
	core     *rtmfp.Core
	identity *flash.Identity
	session  *rtmfp.Session
}

func newStage(t *testing.T) *stage {
	s := &stage{t: t, network: simnet.New(7)}
	client, server := s.network.NewHost(addressA), s.network.NewHost(addressB)
	client.SetLinks(simnet.Conditions{Delay: 10 * time.Millisecond})
	pcap := simnet.NewPcap(&s.capture)
	s.network.Tap(func(e simnet.Event) {
		if e.Fate == simnet.Delivered {
			pcap.Record(e)
		}
	})
	s.client = s.actor(client, flash.IdentityConfig{}, func(line string) { s.keys = append(s.keys, line) })
	s.server = s.actor(server, flash.IdentityConfig{AcceptsAncillary: true}, nil)
	return s
}

func (s *stage) actor(host *simnet.Host, identity flash.IdentityConfig, keyLog func(string)) *actor {
	identity.Random = s.network.Random()
	a := &actor{host: host, identity: must(flash.NewIdentity(identity))}
	a.core = must(rtmfp.NewCore(rtmfp.CoreConfig{
		Crypto: flash.Profile{}, Outlet: host.Outlet(), Random: s.network.Random(), Worker: host.Worker(), KeyLog: keyLog,
	}))
	listener := rtmfp.Listener{Accept: func(session *rtmfp.Session) rtmfp.SessionHandler {
		a.session = session
		return rtmfp.SessionFuncs{OnFlow: s.accept}
	}}
	if err := a.core.AddIdentity("it", a.identity, listener); err != nil {
		s.t.Fatal(err)
	}
	host.Attach(a.core)
	return a
}

// accept answers the first flow from the client as a server does, and takes all others.
func (s *stage) accept(flow *rtmfp.ReceiveFlow) rtmfp.FlowHandler {
	if bytes.Equal(flow.Metadata(), tc(0)) && flow.Session() == s.server.session {
		answers := must(flow.Session().OpenFlow(rtmfp.FlowConfig{Metadata: tc(0), Return: flow}))
		answers.Send(rtmfp.Outgoing{Body: command("_result", 1.0, nil, "welcome")})
		answers.Send(rtmfp.Outgoing{Body: rtmp(typeControl, 0, event(41, 10000, 15000))})
	}
	return rtmfp.FlowFuncs{}
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// tc is the metadata of a flow for RTMP messages.
func tc(stream byte) []byte { return []byte{'T', 'C', 4, stream} }

func rtmp(number byte, timestamp uint32, payload []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{number}, timestamp), payload...)
}

func command(values ...amf.Value) []byte {
	return rtmp(typeCommand, 0, must(amf.Append0(nil, values...)))
}

func event(number uint16, values ...uint32) []byte {
	b := binary.BigEndian.AppendUint16(nil, number)
	for _, v := range values {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return b
}

// do runs f on an actor's core.
func (s *stage) do(a *actor, f func()) { a.host.Do(func() { a.core.Do(s.network.Now(), f) }) }

// dial opens the session of the client.
func (s *stage) dial() {
	opened := false
	s.do(s.client, func() {
		s.client.session = must(s.client.core.Dial(rtmfp.DialConfig{
			Identity: "it", Discriminator: flash.URI("rtmfp://example.com/live"), Paths: []rtmfp.Path{{Addr: addressB}},
			Handler: rtmfp.SessionFuncs{OnOpened: func(*rtmfp.Session) { opened = true }, OnFlow: s.accept},
		}))
	})
	if !s.network.RunUntil(func() bool { return opened }, time.Minute) {
		s.t.Fatal("no session")
	}
}

// publish is what a client does: it connects, and sends media with losses on the way.
func (s *stage) publish() {
	s.do(s.client, func() {
		main := must(s.client.session.OpenFlow(rtmfp.FlowConfig{Metadata: tc(0)}))
		main.Send(rtmfp.Outgoing{Body: command("connect", 1.0, amf.NewObject(amf.Property{Name: "app", Value: "live"}))})
	})
	s.network.RunFor(100 * time.Millisecond)
	var media *rtmfp.SendFlow
	s.do(s.client, func() {
		media = must(s.client.session.OpenFlow(rtmfp.FlowConfig{Metadata: []byte{'T', 'C', 5, 1}, TimeCritical: true}))
		media.Send(rtmfp.Outgoing{Body: rtmp(typeVideo, 0, append([]byte{0x17, 0, 0, 0, 0}, make([]byte, 30)...))})
		media.Send(rtmfp.Outgoing{Body: rtmp(typeVideo, 40, append([]byte{0x17, 1, 0, 0, 80}, make([]byte, 4000)...))})
	})
	s.network.RunFor(100 * time.Millisecond)
	s.client.host.Up().Blackout(5 * time.Millisecond) // what is sent now is lost
	s.do(s.client, func() {
		late := s.network.Now().Add(25 * time.Millisecond)
		media.Send(rtmfp.Outgoing{Body: rtmp(typeVideo, 80, append([]byte{0x27, 1, 0, 0, 0}, make([]byte, 3000)...)), FinishBy: late})
	})
	s.network.RunFor(20 * time.Millisecond)
	s.client.host.Down().Blackout(50 * time.Millisecond) // what is sent now is not acknowledged
	s.do(s.client, func() {
		media.Send(rtmfp.Outgoing{Body: rtmp(typeAudio, 90, []byte{0xaf, 1, 2, 3})})
		media.Send(rtmfp.Outgoing{Body: rtmp(typeControl, 0, event(34, 7, 2))})
	})
	s.network.RunFor(2 * time.Second)
	s.do(s.client, func() { media.Close() })
	s.network.RunFor(time.Second)
	s.do(s.client, func() { s.client.session.Close() })
	s.network.RunFor(time.Second)
}

// TestRecordedSession traces a capture of a session of our own, which is a file so that nothing but the trace can change its text.
func TestRecordedSession(t *testing.T) {
	const capture, keys = "testdata/session.pcap", "testdata/session.keys"
	if *update {
		s := newStage(t)
		s.dial()
		s.publish()
		write(t, capture, s.capture.Bytes())
		write(t, keys, []byte(strings.Join(s.keys, "\n")+"\n"))
	}
	file, line := read(t, capture), string(read(t, keys))
	golden(t, "session.golden", traced(t, file, Options{}, line))
	golden(t, "session-messages.golden", traced(t, file, Options{Level: LevelMessages}, line))
	golden(t, "session-packets.golden", traced(t, file, Options{Level: LevelPackets}, line))
	golden(t, "session-json.golden", traced(t, file, Options{JSON: true, Hex: true, Level: LevelMessages}, line))
	golden(t, "session-nokey.golden", traced(t, file, Options{}))
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
