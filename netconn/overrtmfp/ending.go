package overrtmfp

import (
	"errors"
	"fmt"
	"time"

	"afterglow/netconn"
	"afterglow/rtmfp"
)

// How a link, or a stream of it, ends.

// requires counts a message of netconn's own, which must arrive, and ends a connection whose far end does not take them. It is the
// far end that causes them: one that acknowledges some of its streams and not others must not make the server keep the rest.
func (l *link) requires(m *netconn.Message) {
	if l.required += len(m.Payload) + messageOverhead; l.required > l.station.limits().ControlBytes {
		l.abort(fmt.Errorf("%w: %d bytes wait for it", ErrSlow, l.required))
	}
}

// checkTime ends a connection on which something that must arrive has been unacknowledged for too long.
func (l *link) checkTime() {
	if l.ended {
		return
	}
	l.note()
	l.talked() // which has to look at each silence
	var longest time.Duration
	for _, s := range l.streams {
		longest = max(longest, s.waited())
	}
	for s := range l.leaving {
		longest = max(longest, s.waited())
	}
	if limit := l.station.limits().QueueTime; longest > limit && (l.talked() > limit || longest > mostQueueTimes*limit) {
		l.abort(fmt.Errorf("%w: something has waited for %v", ErrSlow, longest.Round(time.Second)))
	}
}

// mostQueueTimes is after how many queue times a far end is too slow that is silent for so long now and again that it would pass for
// one that was away.
const mostQueueTimes = 4

// talked says for how long the far end has been there without a long silence. One that was away is not slow: it has the time from
// its return on, if the session has lasted until then.
func (l *link) talked() time.Duration {
	now := l.session.Core().Now()
	if l.session.Stats().Silence > l.station.limits().QueueTime/2 {
		l.back = now
	}
	return now.Sub(l.back)
}

// leave ends a stream's flows behind what is queued. Its ID may have another stream before they have ended.
func (l *link) leave(s *outStream) {
	delete(l.streams, s.id)
	l.mu.Lock()
	delete(l.views, s.id)
	l.mu.Unlock()
	if l.leaving == nil {
		l.leaving = make(map[*outStream]struct{})
	}
	l.leaving[s] = struct{}{}
	s.close()
	l.forget(s)
	if len(l.leaving) > maxLeaving {
		l.abort(fmt.Errorf("%w: %d deleted streams wait for it", ErrSlow, len(l.leaving)))
	}
}

// maxLeaving is how many deleted streams may still have something under way: far more than a client deletes within a round trip.
const maxLeaving = 1024

// forget drops a stream that was closed and whose flows have ended.
func (l *link) forget(s *outStream) {
	if _, leaving := l.leaving[s]; leaving && s.over() {
		s.release()
		delete(l.leaving, s)
	}
}

// CloseAfterFlush ends the connection when what is queued has been delivered, or cannot be in time.
func (l *link) CloseAfterFlush(reason error) { l.post(func() { l.close(reason) }) }

// close ends our flows; the far end's end with theirs, or with the session. That the far end has everything first is needed for
// it to see why it was rejected.
func (l *link) close(reason error) {
	if l.closing || l.ended {
		return
	}
	for _, s := range l.streams {
		s.unbar()
	}
	l.closing, l.reason = true, reason
	for _, s := range l.streams {
		s.close()
	}
	if l.flushedAll() {
		l.finish(reason)
		return
	}
	l.flushing = time.AfterFunc(flushTime, func() { l.post(func() { l.finish(reason) }) })
}

func (l *link) flushedAll() bool {
	for _, s := range l.streams {
		if !s.over() {
			return false
		}
	}
	for s := range l.leaving {
		if !s.over() {
			return false
		}
	}
	return true
}

// flowEnded follows up on the end of one of our flows.
func (l *link) flowEnded(lane *lane, err error) {
	var rejected *rtmfp.ExceptionError
	if errors.As(err, &rejected) && lane.stream.id == l.own && lane.kind == laneData {
		l.abort(ErrHungUp)
		return
	}
	switch {
	case l.ended:
	case l.closing && l.flushedAll():
		l.finish(l.reason)
	case !l.closing:
		l.forget(lane.stream)
	}
}

// hungUp follows up on the end of the far end's control flow. What the session ended with, if that is it, is told by itself.
func (l *link) hungUp(err error) {
	if err == nil && !l.ended {
		l.close(ErrHungUp)
	}
}

// abort ends the connection at once.
func (l *link) abort(reason error) {
	if !l.ended {
		l.finish(reason)
	}
}

// finish ends the link: it has nothing to deliver any more.
func (l *link) finish(reason error) {
	if l.ended {
		return
	}
	l.ended, l.closing = true, true
	if l.reason == nil {
		l.reason = reason
	}
	if l.flushing != nil {
		l.flushing.Stop()
	}
	for f := range l.inflows {
		if f.flow.IsOpen() {
			f.flow.Reject(0)
		}
	}
	clear(l.inflows)
	for _, s := range l.streams {
		s.cancel()
	}
	for s := range l.leaving {
		s.cancel()
	}
	l.end.Closed(l.reason)
	l.over(l)
}
