package overrtmfp

import (
	"time"

	"afterglow/netconn"
)

// The defaults of Limits.
const (
	defaultQueueBytes           = 4 << 20
	defaultQueueTime            = 20 * time.Second
	defaultControlBytes         = 2 << 20
	defaultDelay                = 100 * time.Millisecond // of fixed delivery
	defaultConnectTime          = 30 * time.Second
	defaultMessageBeforePublish = 1 << 20
	defaultMessage              = 1<<24 - 1
	defaultAudioLifetime        = 2200 * time.Millisecond
	defaultVideoLifetime        = 2 * time.Second
	defaultGroupMargin          = 100 * time.Millisecond
)

// Limits bound what a connection may hold up. A zero field means its default.
type Limits struct {
	// QueueBytes is how much of what was pulled from streams may be under way to one far end, in bytes: neither acknowledged nor
	// given up. Default 4 MiB.
	QueueBytes int
	// QueueTime is how long something that must arrive may be unacknowledged before the far end is taken to be too slow.
	// Default 20 s.
	QueueTime time.Duration
	// ControlBytes is how much else may be under way on a connection, in bytes and 64 more for each message, before the far end is
	// taken to be too slow. Default 2 MiB.
	ControlBytes int
	// MessageSizeBeforePublish and MessageSize are the largest messages taken from a client that does not publish, and from one
	// that does, in bytes. Defaults 1 MiB and 16,777,215.
	MessageSizeBeforePublish int
	MessageSize              int
	// ConnectTime is how long a client may take from the session's opening to its connect command. Default 30 s.
	ConnectTime time.Duration
	// Lifetimes of media whose Delivery has none. Defaults 2.2 s for audio, 2 s for video, 100 ms for what is left of the
	// previous group of pictures. Negative ones are without end.
	Lifetimes netconn.Lifetimes
}

func (l Limits) withDefaults() Limits {
	set := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	if l.QueueBytes <= 0 {
		l.QueueBytes = defaultQueueBytes
	}
	if l.ControlBytes <= 0 {
		l.ControlBytes = defaultControlBytes
	}
	if l.MessageSizeBeforePublish <= 0 {
		l.MessageSizeBeforePublish = defaultMessageBeforePublish
	}
	if l.MessageSize <= 0 {
		l.MessageSize = defaultMessage
	}
	if l.QueueTime <= 0 {
		l.QueueTime = defaultQueueTime
	}
	if l.ConnectTime <= 0 {
		l.ConnectTime = defaultConnectTime
	}
	set(&l.Lifetimes.Audio, defaultAudioLifetime)
	set(&l.Lifetimes.Video, defaultVideoLifetime)
	set(&l.Lifetimes.PreviousGroup, defaultGroupMargin)
	return l
}

// fill gives lifetimes that are not set those of the limits.
func (l *Limits) fill(t netconn.Lifetimes) netconn.Lifetimes {
	if t.Audio == 0 {
		t.Audio = l.Lifetimes.Audio
	}
	if t.Video == 0 {
		t.Video = l.Lifetimes.Video
	}
	if t.PreviousGroup == 0 {
		t.PreviousGroup = l.Lifetimes.PreviousGroup
	}
	return t
}
