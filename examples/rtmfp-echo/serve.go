package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"strings"
	"time"

	"afterglow/rtmfp"
)

// What the server holds of each flow that it sends back. Beyond the first it stops taking messages, so that the
// client is stopped too, until everything has been sent again.
const holdBack = 1 << 20

// farewell is how long we wait for the far ends to say goodbye.
const farewell = 5 * time.Second

// serve sends everything back until ctx ends.
func serve(ctx context.Context, args []string, out io.Writer) error {
	flags := newFlags("serve", ":1935", out)
	flags.addIdentity()
	var register registration
	register.addTo(flags.set)
	sink := flags.set.Bool("sink", false, "send nothing back")
	abrupt := flags.set.Bool("abrupt", false, "at the end tell the far ends with one packet, and do not wait for their answers")
	if err := flags.set.Parse(args); err != nil {
		return err
	}
	flags.identity.AcceptsAncillary = true
	server := &server{log: log.New(out, "", 0), sink: *sink}
	endpoint, err := flags.open(ctx, &rtmfp.Listener{Accept: server.accept}, out)
	if err != nil {
		return err
	}
	defer leave(endpoint, *abrupt)
	if register.at != "" {
		err = register.run(ctx, endpoint, server.log)
	}
	if err != nil {
		return err
	}
	<-ctx.Done()
	flags.dump(endpoint)
	return nil
}

// leave ends an endpoint.
func leave(endpoint *rtmfp.Endpoint, abrupt bool) {
	if abrupt {
		_ = endpoint.Close() // it has no error to give
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	_ = endpoint.Shutdown(ctx) // whoever has not answered by now need not
}

// server is asked about sessions and flows, on several shards at a time.
type server struct {
	log  *log.Logger
	sink bool
}

// accept lets everybody in.
func (v *server) accept(session *rtmfp.Session) rtmfp.SessionHandler {
	who := session.Path().String()
	v.log.Printf("%s: open, peer %s", who, session.PeerID())
	return rtmfp.SessionFuncs{
		OnFlow:  v.flow,
		OnMoved: func(s *rtmfp.Session, before rtmfp.Path) { v.log.Printf("%s: moved to %s", before, s.Path()) },
		OnClosed: func(s *rtmfp.Session, err error) {
			stats := s.Stats()
			v.log.Printf("%s: closed: %v; %d packets in, %d out, %d fragments lost",
				who, err, stats.PacketsReceived, stats.PacketsSent, stats.FragmentsLost)
		},
	}
}

// flow answers a flow with another one in the opposite direction.
func (v *server) flow(question *rtmfp.ReceiveFlow) rtmfp.FlowHandler {
	e := &echo{server: v, question: question}
	if !v.sink {
		answer, err := question.Session().OpenFlow(rtmfp.FlowConfig{
			Metadata: append(bytes.Clone(question.Metadata()), " return"...),
			Return:   question,
			Priority: rtmfp.PriorityRoutine,
			Handler:  rtmfp.SendFuncs{OnWritable: e.writable, OnEnded: e.refused},
		})
		if err != nil {
			return nil // which rejects the question
		}
		e.answer = answer
	}
	return rtmfp.FlowFuncs{OnMessage: e.message, OnEnded: e.ended}
}

// echo is a flow and its answer.
type echo struct {
	server          *server
	question        *rtmfp.ReceiveFlow
	answer          *rtmfp.SendFlow // nil: nobody wants one
	messages, bytes int
	gaps, returned  int
}

func (e *echo) message(_ *rtmfp.ReceiveFlow, m rtmfp.Message) {
	e.messages++
	e.bytes += len(m.Data)
	if m.Gap {
		e.gaps++
	}
	if e.answer == nil {
		return
	}
	if _, err := e.answer.Send(rtmfp.Outgoing{Body: bytes.Clone(m.Data)}); err == nil {
		e.returned++
	}
	if e.answer.Queued() > holdBack {
		e.question.Pause()
		e.answer.Wake()
	}
}

// writable is called when everything has been sent.
func (e *echo) writable(*rtmfp.SendFlow) { e.question.Resume() }

// refused goes on without an answer if the far end wants none.
func (e *echo) refused(_ *rtmfp.SendFlow, err error) {
	if err == nil {
		return
	}
	e.answer = nil
	e.question.Resume()
}

func (e *echo) ended(_ *rtmfp.ReceiveFlow, err error) {
	if e.answer != nil {
		e.answer.Close()
	}
	e.server.log.Printf("%s: flow %d %q: %s", e.question.Session().Path(), e.question.ID(), e.question.Metadata(), e.summary(err))
}

func (e *echo) summary(err error) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d messages, %d bytes, %d gaps, %d returned", e.messages, e.bytes, e.gaps, e.returned)
	if err != nil {
		fmt.Fprintf(&b, "; %v", err)
	}
	return b.String()
}
