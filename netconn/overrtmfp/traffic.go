package overrtmfp

import (
	"time"

	"afterglow/netconn"
)

// note keeps what others may read of the session.
func (l *link) note() {
	stats := l.session.Stats()
	l.rtt.Store(int64(stats.RTT))
	l.queued.Store(int64(l.session.Queued()))
	t := netconn.Traffic{BytesIn: stats.BytesReceived, BytesOut: stats.BytesSent}
	t.DroppedAudio.Messages, t.DroppedVideo.Messages = l.missed[laneAudio], l.missed[laneVideo]
	for _, s := range l.streams {
		s.lanes[laneAudio].waiting(&t.QueuedAudio)
		s.lanes[laneVideo].waiting(&t.QueuedVideo)
		s.lanes[laneData].waiting(&t.QueuedData)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.noted = t
}

// waiting adds what of the lane is neither delivered nor given up.
func (l *lane) waiting(to *netconn.Load) {
	for i := range l.pending {
		if m := &l.pending[i]; !m.settled {
			to.Messages++
			to.Bytes += uint64(m.size)
		}
	}
}

// Traffic tells how the session was a second ago at most. Its bytes are those of the session; shared objects count as data.
func (l *link) Traffic(t *netconn.Traffic) {
	l.mu.Lock()
	noted := l.noted
	l.mu.Unlock()
	t.BytesIn, t.BytesOut = noted.BytesIn, noted.BytesOut
	t.MessagesDropped += noted.DroppedAudio.Messages + noted.DroppedVideo.Messages
	t.DroppedAudio, t.DroppedVideo = noted.DroppedAudio, noted.DroppedVideo
	t.QueuedAudio, t.QueuedVideo, t.QueuedData = noted.QueuedAudio, noted.QueuedVideo, noted.QueuedData
	if rtt := l.rtt.Load(); rtt > 0 {
		t.RoundTrip = time.Duration(rtt)
	}
}
