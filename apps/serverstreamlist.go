package apps

import (
	"time"

	"afterglow/netconn"
)

// Reset says what playing a source does to what plays already (server-side-api 2.4).
type Reset uint8

// The values of Reset, with the numbers that scripts use. The last two differ from the first two for recorded sources alone.
const (
	ResetAppend      Reset = 0 // play behind what plays
	ResetReplace     Reset = 1 // play instead of what plays and waits
	ResetAppendData  Reset = 2 // ResetAppend, data messages at once
	ResetReplaceData Reset = 3 // ResetReplace, data messages at once
)

func (r Reset) replaces() bool { return r == ResetReplace || r == ResetReplaceData }

// Source is an item of a ServerStream's playlist (server-side-api 2.4, play semantics).
type Source struct {
	// Name is the source's. A type prefix such as mp4: belongs to it, a query is cut off here and sent to other servers.
	Name string
	// Start is netconn.PlayLiveOrRecorded or netconn.PlayLive, both of which wait for a publisher, or where to start in a
	// recorded stream in seconds. This server has no recorded streams: an item of its own that starts at 0 or later is
	// answered with NetStream.Play.StreamNotFound. Other negative values act as PlayLiveOrRecorded.
	Start float64
	// Length is how many seconds are played, and how long a publisher is waited for. Negative: as long as the source lives, and
	// without a limit; the last item of a playlist goes on waiting when its publisher has gone. Zero: the first picture.
	Length float64
	// Reset says what becomes of what plays already.
	Reset Reset
	// Remote is the connection to the server that has the source, nil for this instance's own streams.
	Remote *netconn.Client
}

func (s Source) normal() Source {
	if s.Start < 0 && s.Start != netconn.PlayLive {
		s.Start = netconn.PlayLiveOrRecorded
	}
	if s.Length < 0 || s.Length != s.Length || s.Length > maxLength {
		s.Length = -1
	}
	return s
}

// maxLength is how long an item may be, in seconds; what is longer has no end.
const maxLength = 1e9

// span is Length as a duration, of one that has an end.
func (s Source) span() time.Duration { return time.Duration(s.Length * float64(time.Second)) }

// maxPlaylist is how many items may wait behind what plays.
const maxPlaylist = 10000

// Play plays a source, at once or behind what plays. It reports false when the source's name is none, the playlist is full
// or the object is closed; what else is wrong is told to the status function, and the next item begins.
func (s *ServerStream) Play(src Source) bool {
	src = src.normal()
	switch {
	case s.closed:
		return false
	case !validStreamName(s.name) || !validStreamName(streamName(src.Name)):
		s.tell(netconn.PlayFailed, src.Name, "A stream's name has 1 to 1024 bytes and does not end with a slash.")
		return false
	case src.Reset.replaces():
		s.endItem()
		s.playlist = nil
	case s.item != nil && len(s.playlist) >= maxPlaylist:
		s.tell(netconn.PlayFailed, src.Name, "The playlist is full.")
		return false
	case s.item != nil:
		s.playlist = append(s.playlist, src)
		return true
	}
	if !s.begin(src, false) {
		s.next()
	}
	return true
}

// Stop ends what plays and gives the name back. When a client publishes under the name, it loses it: that is how scripts
// release a stream for an encoder that comes back before its old connection is known to be dead.
func (s *ServerStream) Stop() {
	playing := s.item != nil
	s.endItem()
	s.playlist = nil
	if playing {
		s.tell(netconn.PlayStop, s.last, "")
	}
	if s.unpublish() {
		s.tell(netconn.UnpublishSuccess, s.name, "")
		return
	}
	s.release()
}

// release takes the name from a client that publishes under it.
func (s *ServerStream) release() {
	p := s.instance.hub.Publisher(s.name)
	if p == nil {
		return
	}
	if _, ok := p.Owner().(*Client); ok {
		p.Evict()
	}
}

// begin begins an item, unless it cannot be played.
func (s *ServerStream) begin(src Source, switched bool) bool {
	name := streamName(src.Name)
	switch {
	case src.Start >= 0 && src.Remote == nil:
		s.tell(netconn.PlayStreamNotFound, name, "Failed to play "+name+"; this server has no recorded streams yet.")
		return false
	case src.Remote == nil && s.circles(name):
		s.release() // which is what playing anything does
		s.tell(netconn.PlayFailed, name, "A stream cannot be played onto itself.")
		return false
	case !s.take():
		return false
	}
	if switched {
		s.tell(playSwitch, name, "")
	} else if src.Reset.replaces() {
		s.tell(netconn.PlayReset, name, "")
	}
	s.last = name
	s.item = newItem(s, src)
	s.item.begin()
	return true
}

// circles says whether a stream of this instance is made from this one.
func (s *ServerStream) circles(name string) bool {
	for name != s.name {
		p := s.instance.hub.Publisher(name)
		if p == nil {
			return false
		}
		other, ok := p.Owner().(*ServerStream)
		if !ok || other.item == nil || other.item.source.Remote != nil {
			return false
		}
		name = other.item.name
	}
	return true
}

// itemOver goes to the next item, unless the item is over already.
func (s *ServerStream) itemOver(it *item) {
	if s.item == it {
		s.endItem()
		s.next()
	}
}

// next begins the first item of the playlist that can be played. The playlist is over when nothing plays and nobody has
// anything played behind what the instance does now.
func (s *ServerStream) next() {
	for len(s.playlist) > 0 {
		src := s.playlist[0]
		s.playlist = s.playlist[1:]
		if s.begin(src, true) {
			return
		}
	}
	s.playlist = nil
	s.later(s.over)
}

func (s *ServerStream) over() {
	if s.item != nil || !s.unpublish() {
		return
	}
	s.tell(playComplete, s.last, "")
	s.tell(netconn.PlayStop, s.last, "")
	s.tell(netconn.UnpublishSuccess, s.name, "")
}

// endItem ends what plays, without a word.
func (s *ServerStream) endItem() {
	if s.item != nil {
		s.item.end()
		s.item = nil
	}
}

// The codes that only an application's own streams have.
const (
	playSwitch   netconn.Code = "NetStream.Play.Switch"
	playComplete netconn.Code = "NetStream.Play.Complete"
)

// levelOf is the level of a code that netconn knows none for; it knows all others.
func levelOf(code netconn.Code) string {
	if code == playSwitch || code == playComplete {
		return netconn.LevelStatus
	}
	return ""
}
