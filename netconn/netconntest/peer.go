package netconntest

import (
	"encoding/binary"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"afterglow/amf"
	"afterglow/netconn"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// Peer is a client that says exactly what a test has it say, and sees exactly what comes.
type Peer struct {
	t        *testing.T
	wire     Wire
	encoding netconn.Encoding
	last     float64 // transaction
	manner   Manner
	early    []netconn.Message // have come but their lanes were not asked for yet
}

// NewPeer opens a connection on which nothing has been said.
func NewPeer(t *testing.T, s Server) *Peer { return &Peer{t: t, wire: s.Open(t), manner: s.Manner()} }

// Connected opens a connection and gets it accepted. Properties replace or add to those of the connect command.
func Connected(t *testing.T, s Server, properties ...amf.Property) *Peer {
	t.Helper()
	p := NewPeer(t, s)
	p.Connect(properties...)
	p.Until("0 _result 1 ")
	p.Expect(p.manner.After...)
	p.Encode(properties...)
	return p
}

// Encode has the peer speak the encoding that connect asked for.
func (p *Peer) Encode(properties ...amf.Property) {
	for _, property := range properties {
		if property.Name == "objectEncoding" && property.Value == 3.0 {
			p.encoding = netconn.AMF3
		}
	}
}

// Connect sends a connect command to the application live.
func (p *Peer) Connect(properties ...amf.Property) {
	p.t.Helper()
	o := amf.NewObject(
		amf.Property{Name: "app", Value: "live"},
		amf.Property{Name: "flashVer", Value: "WIN 11,0,0,0"},
		amf.Property{Name: "tcUrl", Value: "rtmp://localhost/live"},
	)
	for _, property := range properties {
		o.Set(property.Name, property.Value)
	}
	p.last = 1
	p.Command(0, "connect", 1, o)
}

// Command sends a command. The values are the command object and the arguments.
func (p *Peer) Command(streamID uint32, name string, transaction float64, values ...amf.Value) {
	p.t.Helper()
	all := append([]amf.Value{name, transaction}, values...)
	m := netconn.Message{Type: netconn.TypeCommandAMF0, StreamID: streamID}
	var err error
	if p.encoding == netconn.AMF3 {
		m.Type = netconn.TypeCommandAMF3
		m.Payload, err = amf.AppendExtended(nil, all...)
	} else {
		m.Payload, err = amf.Append0(nil, all...)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	p.Send(m)
}

// Call calls a method of the server and returns the transaction.
func (p *Peer) Call(name string, args ...amf.Value) float64 {
	p.t.Helper()
	p.last++
	p.Command(0, name, p.last, append([]amf.Value{nil}, args...)...)
	return p.last
}

// CreateStream gets a stream, which must have the ID.
func (p *Peer) CreateStream(id uint32) {
	p.t.Helper()
	transaction := p.Call("createStream")
	p.Expect(p.amf3("0 _result %v null %d", transaction, id))
}

// amf3 is a line as the peer's encoding has it.
func (p *Peer) amf3(format string, args ...any) string {
	if p.encoding == netconn.AMF3 {
		format = "amf3 " + format
	}
	return fmt.Sprintf(format, args...)
}

// Data sends a data message in AMF0.
func (p *Peer) Data(streamID, timestamp uint32, values ...amf.Value) {
	p.t.Helper()
	payload, err := amf.Append0(nil, values...)
	if err != nil {
		p.t.Fatal(err)
	}
	p.Send(netconn.Message{Type: netconn.TypeDataAMF0, StreamID: streamID, Timestamp: timestamp, Payload: payload})
}

// Send sends a message.
func (p *Peer) Send(m netconn.Message) {
	p.t.Helper()
	if err := p.wire.Send(m); err != nil {
		p.t.Fatal(err)
	}
}

// Cut ends the connection without a word.
func (p *Peer) Cut() { p.wire.Cut() }

// Freeze has the peer neither hear nor say anything from now on.
func (p *Peer) Freeze() { p.wire.Freeze() }

// Receive returns the next message of any lane.
func (p *Peer) Receive() netconn.Message {
	p.t.Helper()
	m, err := p.next(func(netconn.Message) bool { return true })
	if err != nil {
		p.t.Fatalf("the connection has ended: %v", err)
	}
	return m
}

// Expect compares what comes next, where only lanes have an order what comes next on the lane of each line, with lines as
// Describe makes them.
func (p *Peer) Expect(want ...string) {
	p.t.Helper()
	got := make([]string, 0, len(want))
	for _, line := range want {
		m, err := p.next(p.laneOf(line))
		if err != nil {
			got = append(got, "end: "+err.Error())
			break
		}
		got = append(got, Describe(m))
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		p.t.Fatalf("messages (-want +got):\n%s\non other lanes: %q", diff, describeAll(p.early))
	}
}

// ExpectNothing says that nothing comes before the answer to a command that nobody knows, nor on other lanes.
func (p *Peer) ExpectNothing() {
	p.t.Helper()
	transaction := p.Call("unknown")
	p.Expect(p.amf3(`0 _error %v null {level: "error", code: "NetConnection.Call.Failed", description: "Method not found (unknown)."}`, transaction))
	p.settle()
	if len(p.early) > 0 {
		p.t.Fatalf("there is more: %q", describeAll(p.early))
	}
}

// settle takes what the server has sent up to now.
func (p *Peer) settle() {
	p.t.Helper()
	more, err := p.wire.Settle()
	if err != nil {
		p.t.Fatalf("the connection has ended: %v", err)
	}
	p.early = append(p.early, more...)
}

// Discard forgets what has come on lanes that were not asked for, such as the rest of a stream that was stopped.
func (p *Peer) Discard() {
	p.t.Helper()
	p.settle()
	p.early = nil
}

// Answered calls a method and expects its answer.
func (p *Peer) Answered(method, want string) {
	p.t.Helper()
	p.Call(method)
	p.Expect(want)
}

// Until skips messages until one begins as said, and returns its line. Where only lanes have an order it skips none of other lanes.
func (p *Peer) Until(prefix string) string {
	p.t.Helper()
	var seen []string
	for {
		m, err := p.next(p.laneOf(prefix))
		if err != nil {
			p.t.Fatalf("%q does not come: %v after\n%s", prefix, err, strings.Join(seen, "\n"))
		}
		line := Describe(m)
		if strings.HasPrefix(line, prefix) {
			return line
		}
		seen = append(seen, line)
	}
}

// ExpectEnd says that the server ends the connection without another message.
func (p *Peer) ExpectEnd() {
	p.t.Helper()
	if m, err := p.next(func(netconn.Message) bool { return true }); err == nil {
		p.t.Fatalf("the connection goes on with %s", Describe(m))
	}
}

var clientID = regexp.MustCompile(`clientid: "[A-Z2-7]{8}"`)

// Describe puts a message into a line: stream, name, transaction and values of a command; stream, time and values of
// data; stream, time and bytes of media; the numbers of a user control event; the name, version and events of a shared object message.
// What differs each time is masked.
func Describe(m netconn.Message) string {
	switch m.Type {
	case netconn.TypeUserControl:
		if len(m.Payload) < 6 {
			return fmt.Sprintf("control %X", m.Payload)
		}
		return fmt.Sprintf("control %d %d", binary.BigEndian.Uint16(m.Payload), binary.BigEndian.Uint32(m.Payload[2:]))
	case netconn.TypeAudio:
		return mediaLine("audio", m)
	case netconn.TypeVideo:
		return mediaLine("video", m)
	case netconn.TypeDataAMF0:
		return fmt.Sprintf("%d data @%d %s", m.StreamID, m.Timestamp, values(amf.Decode0(m.Payload, nil)))
	case netconn.TypeDataAMF3:
		return fmt.Sprintf("amf3 %d data @%d %s", m.StreamID, m.Timestamp, values(amf.DecodeExtended(m.Payload, nil)))
	case netconn.TypeCommandAMF0:
		return fmt.Sprintf("%d %s", m.StreamID, values(amf.Decode0(m.Payload, nil)))
	case netconn.TypeCommandAMF3:
		return fmt.Sprintf("amf3 %d %s", m.StreamID, values(amf.DecodeExtended(m.Payload, nil)))
	case netconn.TypeSharedObjectAMF0:
		return fmt.Sprintf("%d object %s", m.StreamID, describeObject(m))
	case netconn.TypeSharedObjectAMF3:
		return fmt.Sprintf("amf3 %d object %s", m.StreamID, describeObject(m))
	}
	return fmt.Sprintf("type %d, %d bytes", m.Type, len(m.Payload))
}

func mediaLine(kind string, m netconn.Message) string {
	const most = 12
	if len(m.Payload) > most {
		return fmt.Sprintf("%d %s @%d %X+%d", m.StreamID, kind, m.Timestamp, m.Payload[:most], len(m.Payload)-most)
	}
	return fmt.Sprintf("%d %s @%d %X", m.StreamID, kind, m.Timestamp, m.Payload)
}

// values are those of a message, its name without quotes.
func values(all []amf.Value, err error) string {
	if err != nil {
		return err.Error()
	}
	words := make([]string, len(all))
	for i, v := range all {
		words[i] = amf.Format(v)
		if name, ok := v.(string); ok && i == 0 {
			words[i] = name
		}
	}
	return clientID.ReplaceAllString(strings.Join(words, " "), "clientid: ID")
}

// status is the line of an onStatus. Description and details are those of the code and the name.
func status(stream int, level string, code netconn.Code, description, details string) string {
	if details != "" {
		details = fmt.Sprintf(", details: %q", details)
	}
	return fmt.Sprintf("%d onStatus 0 null {level: %q, code: %q, description: %q%s, clientid: ID}", stream, level, string(code), description, details)
}

func playReset(name string) string {
	return status(1, "status", netconn.PlayReset, "Playing and resetting "+name+".", name)
}

func playStart(name string) string {
	return status(1, "status", netconn.PlayStart, "Started playing "+name+".", name)
}

func playStop(name string) string {
	return status(1, "status", netconn.PlayStop, "Stopped playing "+name+".", name)
}

func publishStart(name string) string {
	return status(1, "status", netconn.PublishStart, name+" is now published.", name)
}

func unpublished(name string) string {
	return status(1, "status", netconn.UnpublishSuccess, name+" is now unpublished.", name)
}

func publishNotify(name string) string {
	return status(1, "status", netconn.PlayPublishNotify, name+" is now published.", name)
}

func unpublishNotify(name string) string {
	return status(1, "status", netconn.PlayUnpublishNotify, name+" is now unpublished.", name)
}

// started is what a client gets that begins to play, up to the media.
func started(name string) []string {
	return []string{
		"control 0 1",
		playReset(name),
		playStart(name),
		`1 data @0 |RtmpSampleAccess false false`,
		`1 data @0 onStatus {code: "NetStream.Data.Start"}`,
	}
}
