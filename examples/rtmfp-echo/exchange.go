package main

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"afterglow/rtmfp"
)

// headSize is how many bytes of a message hold its number; a shorter message has the last ones only.
const headSize = 8

// tally counts messages.
type tally struct {
	given, delivered, abandoned int
	returned, bytes, wrong      int
}

func (t *tally) add(o tally) {
	t.given += o.given
	t.delivered += o.delivered
	t.abandoned += o.abandoned
	t.returned += o.returned
	t.bytes += o.bytes
	t.wrong += o.wrong
}

// String is the tally for people.
func (t tally) String() string {
	return fmt.Sprintf("%d messages sent, %d delivered, %d given up, %d returned with %d bytes, %d of them changed",
		t.given, t.delivered, t.abandoned, t.returned, t.bytes, t.wrong)
}

// exchange is a flow of ours with the one that answers it.
type exchange struct {
	tally
	client                 *client
	flow                   *rtmfp.SendFlow
	last                   int // number of the message that came back last
	answerBegun            bool
	sentAll, allCame       bool
	sendError, answerError error
}

// writable gives the flow the next message whenever it could send one at once.
func (e *exchange) writable(*rtmfp.SendFlow) {
	if e.client.plan.every == 0 {
		e.send()
	}
}

// send sends the next message, if there is one.
func (e *exchange) send() {
	plan := &e.client.plan
	if e.given == plan.messages {
		return
	}
	message := rtmfp.Outgoing{Head: head(e.given+1, plan.size), Body: e.client.body, Receipt: true}
	now := e.flow.Session().Core().Now()
	if plan.startBy > 0 {
		message.StartBy = now.Add(plan.startBy)
	}
	if plan.finishBy > 0 {
		message.FinishBy = now.Add(plan.finishBy)
	}
	if _, err := e.flow.Send(message); err != nil {
		return
	}
	e.given++
	e.close()
}

// close ends the flow when nothing more is to be sent. A flow that is closed can not be answered: so not before that has begun.
func (e *exchange) close() {
	if e.given == e.client.plan.messages && (e.answerBegun || e.client.plan.oneWay) {
		e.flow.Close()
	}
}

// answer takes the flow by which everything comes back.
func (e *exchange) answer() rtmfp.FlowHandler {
	e.answerBegun = true
	e.close()
	return rtmfp.FlowFuncs{OnMessage: e.message, OnEnded: e.answerEnded}
}

func head(number, size int) []byte {
	return binary.BigEndian.AppendUint64(nil, uint64(number))[headSize-min(size, headSize):]
}

func (e *exchange) settled(_ *rtmfp.SendFlow, _ rtmfp.MessageID, delivered bool) {
	if delivered {
		e.delivered++
	} else {
		e.abandoned++
	}
}

// message looks for what has come back among the messages that were sent, in their order. Those that were given up are missing.
func (e *exchange) message(_ *rtmfp.ReceiveFlow, m rtmfp.Message) {
	e.returned++
	e.bytes += len(m.Data)
	for e.last < e.given {
		e.last++
		if e.wasSent(e.last, m.Data) {
			return
		}
	}
	e.wrong++
}

func (e *exchange) wasSent(number int, message []byte) bool {
	rest, ok := bytes.CutPrefix(message, head(number, e.client.plan.size))
	return ok && bytes.Equal(rest, e.client.body)
}

func (e *exchange) ended(_ *rtmfp.SendFlow, err error) {
	e.sentAll, e.sendError = true, err
	e.client.finish()
}

func (e *exchange) answerEnded(_ *rtmfp.ReceiveFlow, err error) {
	e.allCame, e.answerError = true, err
	e.client.finish()
}

// finished says whether nothing more is to be expected.
func (e *exchange) finished() bool {
	return e.sendError != nil || e.sentAll && (e.allCame || e.client.plan.oneWay)
}

// outcome tells how the flows ended, if not well.
func (e *exchange) outcome() string {
	switch {
	case e.sendError != nil:
		return "; " + e.sendError.Error()
	case e.answerError != nil:
		return "; answer: " + e.answerError.Error()
	case !e.finished():
		return "; not complete"
	}
	return ""
}
