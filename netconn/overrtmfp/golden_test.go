package overrtmfp_test

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"afterglow/amf"
	"afterglow/netconn"
	"afterglow/netconn/netconntest"
	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
	"afterglow/rtmfp/wire"

	"github.com/google/go-cmp/cmp"
)

// recorded is a message that librtmfp has sent in a recorded session, and the flow on which it did.
type recorded struct {
	flow    uint64 // the recording's number
	options []byte // of the flow
	message []byte
}

// recording gives the messages of the initiator, in order. One that the recording cuts off is left out.
func recording(t *testing.T, name string) []recorded {
	t.Helper()
	text, err := os.ReadFile("../../rtmfp/wire/testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	r := recorder{options: make(map[uint64][]byte), begun: make(map[uint64][]byte), newest: make(map[uint64]uint64)}
	for line := range strings.Lines(string(text)) {
		packet, ours := strings.CutPrefix(strings.TrimSpace(line), "> ")
		if !ours {
			continue
		}
		b, err := hex.DecodeString(packet)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.packet(b); err != nil {
			t.Fatal(err)
		}
	}
	if len(r.messages) == 0 {
		t.Fatalf("%s has no messages", name)
	}
	return r.messages
}

// recorder puts the fragments of a recording together.
type recorder struct {
	options  map[uint64][]byte
	begun    map[uint64][]byte
	newest   map[uint64]uint64
	messages []recorded
}

func (r *recorder) packet(b []byte) error {
	_, chunks, err := wire.ParseHeader(b)
	if err != nil {
		return err
	}
	var u wire.UserData
	for chunk, rest, ok := wire.NextChunk(chunks); ok; chunk, rest, ok = wire.NextChunk(rest) {
		switch chunk.Type {
		case wire.ChunkUserData:
			u, err = wire.ParseUserData(chunk.Payload)
		case wire.ChunkNextUserData:
			u, err = wire.ParseNextUserData(chunk.Payload, u)
		default:
			continue
		}
		if err != nil {
			return err
		}
		r.fragment(u)
	}
	return nil
}

func (r *recorder) fragment(u wire.UserData) {
	if u.Sequence <= r.newest[u.FlowID] {
		return // sent again
	}
	r.newest[u.FlowID] = u.Sequence
	if r.options[u.FlowID] == nil {
		r.options[u.FlowID] = slices.Clone(u.Options)
	}
	r.begun[u.FlowID] = append(r.begun[u.FlowID], u.Data...)
	if u.Fragment != wire.Whole && u.Fragment != wire.End {
		return
	}
	r.messages = append(r.messages, recorded{u.FlowID, r.options[u.FlowID], r.begun[u.FlowID]})
	r.begun[u.FlowID] = nil
}

// librtmfp says again what librtmfp has said in a recording, and demands of the server's flows what librtmfp demands.
type librtmfp struct {
	t       *testing.T
	session *rtmfp.Session
	control *rtmfp.ReceiveFlow // the server's first flow
	flows   map[uint64]*rtmfp.SendFlow
	came    chan netconn.Message
	seen    []string
}

func newLibrtmfp(t *testing.T, s *server) *librtmfp {
	t.Helper()
	l := &librtmfp{t: t, flows: make(map[uint64]*rtmfp.SendFlow), came: make(chan netconn.Message, 1000)}
	c := s.Site().Config
	key, err := flash.GenerateKey(rand.Reader, flash.Group2)
	if err != nil {
		t.Fatal(err)
	}
	own, err := flash.NewIdentity(flash.IdentityConfig{Keys: []*flash.PrivateKey{key}})
	if err != nil {
		t.Fatal(err)
	}
	c.Crypto, c.Identity, c.Shards, c.Log = flash.Profile{}, own, 1, quiet
	endpoint, err := rtmfp.Listen(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = endpoint.Close() })
	l.session, err = endpoint.Dial(t.Context(), rtmfp.DialConfig{
		Discriminator: flash.Discriminator{Ancillary: []byte("live")}.Append(nil), // of the URL the path only
		Addresses:     s.endpoint.Addrs(), Handler: rtmfp.SessionFuncs{OnFlow: l.flow},
	})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// flow takes a flow of the server's. The first has to be the control flow, and all have to answer librtmfp's control flow.
func (l *librtmfp) flow(f *rtmfp.ReceiveFlow) rtmfp.FlowHandler {
	id, err := streamIDOf(f.Metadata())
	switch {
	case err != nil:
		l.t.Errorf("metadata % X", f.Metadata())
	case l.control == nil && id != 0:
		l.t.Errorf("the first flow is of stream %d", id)
	case f.Associated() == nil || f.Associated() != l.flows[controlFlow]:
		l.t.Errorf("a flow of stream %d does not answer the control flow", id)
	}
	if l.control == nil {
		l.control = f
	}
	return rtmfp.FlowFuncs{OnMessage: func(_ *rtmfp.ReceiveFlow, m rtmfp.Message) {
		l.came <- netconn.Message{Type: m.Data[0], Timestamp: binary.BigEndian.Uint32(m.Data[1:]), StreamID: id, Payload: slices.Clone(m.Data[5:])}
	}}
}

func streamIDOf(metadata []byte) (uint32, error) {
	if len(metadata) < 4 || string(metadata[:3]) != "TC\x04" {
		return 0, os.ErrInvalid
	}
	id, _, err := wire.ParseVLU(metadata[3:])
	return uint32(id), err
}

// controlFlow is the number of librtmfp's control flow in the recordings.
const controlFlow = 2

// says sends a recorded message with the same bytes, on a flow with the same metadata and association.
func (l *librtmfp) says(r recorded) {
	l.t.Helper()
	sent := make(chan error, 1)
	l.session.Do(func() {
		f, err := l.flowOf(r)
		if err == nil {
			_, err = f.Send(rtmfp.Outgoing{Body: r.message})
		}
		sent <- err
	})
	if err := <-sent; err != nil {
		l.t.Fatal(err)
	}
}

func (l *librtmfp) flowOf(r recorded) (*rtmfp.SendFlow, error) {
	if f := l.flows[r.flow]; f != nil {
		return f, nil
	}
	var c rtmfp.FlowConfig
	for b := r.options; len(b) > 0; {
		o, n, err := wire.ParseOption(b)
		if err != nil {
			return nil, err
		}
		switch o.Type {
		case wire.OptionMetadata:
			c.Metadata = o.Value
		case wire.OptionReturnAssociation:
			c.Return = l.control
		}
		b = b[n:]
	}
	f, err := l.session.OpenFlow(c)
	l.flows[r.flow] = f
	return f, err
}

// waits waits for a message whose line contains some words, as librtmfp does before it goes on, and notes all that come.
func (l *librtmfp) waits(words string) {
	l.t.Helper()
	for {
		select {
		case m := <-l.came:
			l.checks(m)
			line := netconntest.Describe(m)
			l.seen = append(l.seen, line)
			if strings.Contains(line, words) {
				return
			}
		case <-time.After(time.Minute):
			l.t.Fatalf("librtmfp waits for %q in vain; it has %q", words, l.seen)
		}
	}
}

// checks demands what librtmfp demands: it closes the session for anything else.
func (l *librtmfp) checks(m netconn.Message) {
	l.t.Helper()
	switch m.Type {
	case netconn.TypeUserControl:
		allowed := []uint16{0, 1, 0x1F, 0x20, 0x22}
		if m.StreamID == 0 {
			allowed = []uint16{0x29}
		}
		if kind := binary.BigEndian.Uint16(m.Payload); !slices.Contains(allowed, kind) {
			l.t.Errorf("user control %d on stream %d", kind, m.StreamID)
		}
	case netconn.TypeAudio, netconn.TypeVideo, netconn.TypeDataAMF0, netconn.TypeDataAMF3, netconn.TypeCommandAMF0, netconn.TypeCommandAMF3:
	default:
		l.t.Errorf("message of type %d", m.Type)
	}
}

// replays says everything of a recording, and waits where librtmfp waits: for the answers to connect, to createStream and to
// another command.
func (l *librtmfp) replays(name, command, answer string) {
	l.t.Helper()
	waits := map[string]string{"connect": "NetConnection.Connect.Success", "createStream": "_result 0 null 1", command: answer}
	for _, r := range recording(l.t, name) {
		l.says(r)
		for command, answer := range waits {
			if bytes.Contains(r.message, []byte(command)) {
				l.waits(answer)
				delete(waits, command)
			}
		}
	}
	for command := range waits {
		l.t.Errorf("%s has no %s", name, command)
	}
}

// librtmfpConnected is what librtmfp sees before it opens a stream: the answer to connect comes first, as it expects.
var librtmfpConnected = []string{
	`0 _result 0 {fmsVer: "FMS/5,0,7,1", capabilities: 127, mode: 1} {level: "status", code: "NetConnection.Connect.Success", ` +
		`description: "Connection succeeded.", clientid: ID, objectEncoding: 3, data: [version: "5,0,7,1"]}`,
	"control 41 20000",
	"control 41 15000", // it has reported addresses at which it is not seen
	"amf3 0 _result 0 null 1",
}

func TestLibrtmfpPublishes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := memory{}.serve(t, netconntest.NewRoom(), netconntest.Options{})
		viewer, _ := connected(t, s)
		viewer.CreateStream(1)
		viewer.Command(1, "play", 0, nil, "dmp")
		viewer.Until("1 data @0 onStatus ")

		l := newLibrtmfp(t, s)
		l.replays("librtmfp-publish.hex", "publish", "NetStream.Publish.Start")
		want := append(slices.Clone(librtmfpConnected), "control 0 1",
			`amf3 1 onStatus 0 null {level: "status", code: "NetStream.Publish.Start", description: "dmp is now published.", details: "dmp", clientid: ID}`)
		if diff := cmp.Diff(want, l.seen); diff != "" {
			t.Errorf("what librtmfp sees (-want +got):\n%s", diff)
		}

		metadata := viewer.Until("1 data @0 onMetaData ")
		if !strings.Contains(metadata, "width: 1280") {
			t.Errorf("metadata is %s", metadata)
		}
		viewer.Expect("1 audio @0 AF00121056E500", "1 video @0 1700000000014D401FFFE100+45")
	})
}

func TestLibrtmfpPlays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		room := netconntest.NewRoom()
		s := memory{}.serve(t, room, netconntest.Options{})
		publisher, _ := connected(t, s)
		netconntest.Await(t, "publisher", room.Came)
		publisher.CreateStream(1)
		publisher.Command(1, "publish", 0, nil, "dmp2")
		publisher.Until("1 onStatus ")
		publisher.Data(1, 0, "@setDataFrame", "onMetaData", amf.NewObject(amf.Property{Name: "width", Value: 1280.0}))

		l := newLibrtmfp(t, s)
		l.replays("librtmfp-play.hex", "play", "NetStream.Data.Start")
		want := append(slices.Clone(librtmfpConnected), "control 0 1",
			`amf3 1 onStatus 0 null {level: "status", code: "NetStream.Play.Reset", description: "Playing and resetting dmp2.", details: "dmp2", clientid: ID}`,
			`amf3 1 onStatus 0 null {level: "status", code: "NetStream.Play.Start", description: "Started playing dmp2.", details: "dmp2", clientid: ID}`,
			`1 data @0 |RtmpSampleAccess false false`,
			`1 data @0 onStatus {code: "NetStream.Data.Start"}`)
		if diff := cmp.Diff(want, l.seen); diff != "" {
			t.Errorf("what librtmfp sees (-want +got):\n%s", diff)
		}

		reported := netconntest.Await(t, "librtmfp", room.Came).PeerAddresses() // from a command without the null that others send
		if want := []netip.AddrPort{netip.MustParseAddrPort("192.0.2.2:44824"), netip.MustParseAddrPort("[fd00::2]:38696")}; !slices.Equal(reported, want) {
			t.Errorf("librtmfp is known at %v, want %v", reported, want)
		}

		l.waits("1 data @0 onMetaData {width: 1280}")
		for _, m := range []netconn.Message{
			{Type: netconn.TypeVideo, StreamID: 1, Payload: []byte{0x17, 0, 0, 0, 0, 1}},
			{Type: netconn.TypeAudio, StreamID: 1, Payload: []byte{0xAF, 0, 0x12, 0x10}},
			picture(40),
		} {
			publisher.Send(m)
			l.waits(netconntest.Describe(m))
		}
		publisher.Cut()
		l.waits("NetStream.Play.UnpublishNotify")
	})
}
