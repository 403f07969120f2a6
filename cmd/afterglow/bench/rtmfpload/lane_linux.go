package rtmfpload

import (
	"errors"
	"fmt"

	"afterglow/cmd/afterglow/bench"
	"afterglow/rtmfp"
)

// lane is what one shard sends; the shard alone touches it.
type lane struct {
	post   func(func()) bool // runs a function on the shard
	peers  []*peer           // those that have a flow
	body   []byte            // of each message, shared by all
	budget uint64            // bursts to begin yet
	open   uint64            // bursts that are not acknowledged
	done   chan struct{}     // closed when both are zero
	spent  int64             // when the last burst of the budget was begun
	until  int64             // when bulk ends
	failed error

	begun, skipped uint64 // bursts
	uploads        gathered
}

// fail keeps the first error, if it is one.
func (l *lane) fail(err error) {
	if l.failed == nil {
		l.failed = err
	}
	l.finish()
}

// finish tells whoever waits that everything is sent and acknowledged, or that it never will be.
func (l *lane) finish() {
	if l.done == nil || l.failed == nil && (l.open > 0 || l.budget > 0) {
		return
	}
	close(l.done)
	l.done = nil
}

// peer is a session as the server sees it.
type peer struct {
	lane    *lane
	session *rtmfp.Session
	flow    *rtmfp.SendFlow
	place   int
	sent    uint64
	endless bool            // bulk: there is always another message
	head    [stampSize]byte // of the message that is being sent
}

// open answers the far end's flow, which hears of it by an empty message. Not before: a far end that has only keyed is sent nothing.
func (p *peer) open(asked *rtmfp.ReceiveFlow) (err error) {
	p.flow, err = p.session.OpenFlow(rtmfp.FlowConfig{
		Metadata: []byte("load"), Return: asked, Priority: rtmfp.PriorityVideo, Handler: p,
	})
	if err != nil {
		return err
	}
	l := p.lane
	p.place = len(l.peers)
	l.peers = append(l.peers, p)
	return p.send(nil, false)
}

// send sends a message with a stamp before its body.
func (p *peer) send(body []byte, receipt bool) error {
	stamp{p.sent, bench.Monotonic()}.append(p.head[:0])
	if _, err := p.flow.Send(rtmfp.Outgoing{Head: p.head[:], Body: body, Receipt: receipt}); err != nil {
		return fmt.Errorf("message %d: %w", p.sent, err)
	}
	p.sent++
	return nil
}

// begin sends the next burst of the budget.
func (p *peer) begin() {
	l := p.lane
	if l.budget == 0 || l.failed != nil {
		return
	}
	if err := p.send(l.body, true); err != nil {
		l.fail(err)
		return
	}
	l.budget--
	l.open++
	l.begun++
	if l.budget == 0 {
		l.spent = bench.Monotonic()
	}
}

// patience is how many bursts may wait before the next ones are skipped.
const patience = 50

// beat sends the burst whose time has come.
func (p *peer) beat() {
	l := p.lane
	if !p.flow.IsOpen() || p.flow.Queued() > patience*len(l.body) {
		l.skipped++
		return
	}
	if err := p.send(l.body, false); err != nil {
		l.fail(err)
		return
	}
	l.begun++
}

// Settled says that a burst has arrived, which calls for the next one.
func (p *peer) Settled(_ *rtmfp.SendFlow, _ rtmfp.MessageID, delivered bool) {
	l := p.lane
	l.open--
	if !delivered {
		l.fail(errors.New("a burst was not delivered"))
		return
	}
	p.begin()
	l.finish()
}

// Writable gives the next message of bulk.
func (p *peer) Writable(*rtmfp.SendFlow) {
	if !p.endless {
		return
	}
	if bench.Monotonic() > p.lane.until {
		p.endless = false
		return
	}
	if err := p.send(p.lane.body, false); err != nil {
		p.lane.fail(err)
		return
	}
	p.lane.begun++
}

// Ended is told of the end of the flow, of which only Closed draws conclusions.
func (p *peer) Ended(*rtmfp.SendFlow, error) {}

// Opened is not called for sessions that were accepted.
func (p *peer) Opened(*rtmfp.Session) {}

// Flow takes what the client uploads, and answers with a flow of our own.
func (p *peer) Flow(f *rtmfp.ReceiveFlow) rtmfp.FlowHandler {
	if p.flow == nil {
		p.lane.fail(p.open(f))
	}
	return &inflow{into: &p.lane.uploads}
}

// Moved is of no interest.
func (p *peer) Moved(*rtmfp.Session, rtmfp.Path) {}

// Closed forgets the session.
func (p *peer) Closed(*rtmfp.Session, error) {
	l := p.lane
	if p.flow == nil {
		return
	}
	last := l.peers[len(l.peers)-1]
	l.peers[p.place], last.place = last, p.place
	l.peers = l.peers[:len(l.peers)-1]
}
