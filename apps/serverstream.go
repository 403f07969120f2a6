package apps

import (
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"afterglow/amf"
	"afterglow/netconn"
	"afterglow/streams"
)

// ServerStream is what the application itself publishes under a name: live streams of this instance or of other servers,
// one after another, and messages of its own (server-side-api 2.4). The application outranks clients: the first item takes
// the name from the client that publishes it, and no client gets it before the last item is over.
//
// The methods belong to the instance's goroutine. What becomes of them is told to the status function there, never from
// within a method. Media does not pass that goroutine.
type ServerStream struct {
	instance *Instance
	name     string
	status   func(netconn.Status)
	buffer   time.Duration
	closed   bool

	publisher *streams.Publisher // the right to the name, nil while the application does not publish it
	item      *item              // what plays, or waits for its publisher
	playlist  []Source           // what comes behind it
	last      string             // name of the item that began last

	silent, blind atomic.Bool    // leave out audio, video; read by what copies
	work          sync.WaitGroup // goroutines of the items, those that are over too
}

// ServerStream returns an object for a stream's name. Two of them with the same name take it from each other. status, which
// may be nil, is called on the instance's goroutine. The object must be closed, at the latest when [Application.Stopped]
// tells that the instance has stopped.
func (i *Instance) ServerStream(name string, status func(netconn.Status)) *ServerStream {
	return &ServerStream{instance: i, name: streamName(name), status: status}
}

// streamName cuts the query off a stream's name. Type prefixes such as mp4: belong to the name.
func streamName(full string) string {
	name, _, _ := strings.Cut(full, "?")
	return name
}

// maxStreamName is how long a stream's name may be, in bytes, as netconn has it.
const maxStreamName = 1024

func validStreamName(name string) bool {
	return name != "" && len(name) <= maxStreamName && !strings.HasSuffix(name, "/")
}

// Name returns the stream's name, without a query.
func (s *ServerStream) Name() string { return s.name }

// Playing says whether there is an item that plays or waits for its publisher.
func (s *ServerStream) Playing() bool { return s.item != nil }

// Publishing says whether the application has the name.
func (s *ServerStream) Publishing() bool { return s.publisher != nil }

// Closed says whether the object has been closed.
func (s *ServerStream) Closed() bool { return s.closed }

// Time returns for how long the name has been published, by whomever; 0 when it is not.
func (s *ServerStream) Time() time.Duration {
	if p := s.instance.hub.Publisher(s.name); p != nil {
		return time.Since(p.Since())
	}
	return 0
}

// SetBufferTime sets what BufferTime returns. Live sources are passed on as they come: nothing is buffered.
func (s *ServerStream) SetBufferTime(d time.Duration) { s.buffer = max(0, d) }

// BufferTime returns what SetBufferTime was given.
func (s *ServerStream) BufferTime() time.Duration { return s.buffer }

// ReceiveAudio says whether audio of the sources is published, which it is to begin with.
func (s *ServerStream) ReceiveAudio(on bool) {
	s.silent.Store(!on)
	s.nudge()
}

// ReceiveVideo says whether video of the sources is published, which it is to begin with. Turned on, it begins with a keyframe.
func (s *ServerStream) ReceiveVideo(on bool) {
	s.blind.Store(!on)
	s.nudge()
}

func (s *ServerStream) nudge() {
	if s.item != nil {
		s.item.feed.Wake()
	}
}

// Send sends a data message to all who play the name, whoever publishes it, at the stream's present time (server-side-api
// 3.5.4). @setDataFrame with a handler's name and values keeps them for those who join later, as long as the publisher
// stays; @clearDataFrame with a handler's name forgets them. Without a publisher the message reaches those who wait for
// one, and nobody keeps it. Send reports false when nobody plays or publishes the name, and when the values cannot be
// written as AMF.
func (s *ServerStream) Send(handler string, args ...amf.Value) bool {
	return !s.closed && send(handler, args, dataSink{
		write: func(m dataMessage) bool { return s.instance.hub.Inject(s.name, m.packet()) },
		keep:  func(name string, m dataMessage) bool { return s.instance.hub.InjectData(s.name, name, m.packet()) },
		clear: func(name string) bool { return s.instance.hub.ForgetData(s.name, name) },
	})
}

// Close ends what plays, gives the name back and waits for what copied. It tells nobody; closing again does nothing.
func (s *ServerStream) Close() {
	if s.closed {
		return
	}
	s.closed = true
	s.endItem()
	s.playlist = nil
	s.unpublish()
	s.work.Wait()
}

// tell tells of a status, behind what the instance does now.
func (s *ServerStream) tell(code netconn.Code, details, description string) {
	s.pass(netconn.Status{Code: code, Level: levelOf(code), Details: details, Description: description})
}

func (s *ServerStream) pass(st netconn.Status) {
	if s.status == nil {
		return
	}
	s.later(func() { s.status(st) })
}

// later runs f on the instance's goroutine unless the object is closed then. It may be called from anywhere.
func (s *ServerStream) later(f func()) {
	s.instance.Do(func() {
		if !s.closed {
			f()
		}
	})
}

// take gets the name, from whoever has it.
func (s *ServerStream) take() bool {
	if s.publisher != nil {
		s.publisher.Splice()
		return true
	}
	p, err := s.instance.hub.Publish(s.name, streams.Claim{Owner: s, Take: true, Outranks: true, Evicted: func(p *streams.Publisher) {
		s.later(func() { s.evicted(p) })
	}})
	if err != nil {
		s.tell(netconn.PublishBadName, s.name, "")
		return false
	}
	s.publisher = p
	s.instance.log().Info("publish", "stream", s.name, "agent", "server")
	s.tell(netconn.PublishStart, s.name, "")
	return true
}

// evicted is called when another object of the application has taken the name.
func (s *ServerStream) evicted(p *streams.Publisher) {
	if s.publisher != p {
		return
	}
	s.endItem()
	s.playlist = nil
	s.publisher.Close()
	s.publisher = nil
	s.tell(netconn.PublishBadName, s.name, s.name+" was taken over by another publisher.")
}

// unpublish gives the name back, and says whether the application had it.
func (s *ServerStream) unpublish() bool {
	if s.publisher == nil {
		return false
	}
	s.publisher.Close()
	s.publisher = nil
	return true
}
