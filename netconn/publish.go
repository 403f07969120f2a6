package netconn

import (
	"errors"
	"fmt"
	"strings"

	"afterglow/media"
	"afterglow/streams"
)

// publication is what a stream that publishes has.
type publication struct {
	name      string
	publisher *streams.Publisher
}

// maxName and maxQuery bound the names of streams and what follows the question mark, in bytes: they are kept, repeated and logged.
const (
	maxName  = 1024
	maxQuery = 16 << 10
)

var (
	nameRule  = fmt.Sprintf("A stream's name has 1 to %d bytes and does not end with a slash.", maxName)
	queryRule = fmt.Sprintf("A stream's query has at most %d bytes.", maxQuery)
)

// publish asks the Handler for the right to a name (RTMP 1.0 section 7.2.2.6).
func (s *Stream) publish(cmd *command) error {
	full, named := cmd.arg(0).(string)
	if !named || full == "" {
		s.unpublish()
		if !named && truth(cmd.arg(0), false) {
			s.status(Status{Code: StreamInvalidArg})
		}
		return nil
	}
	name, query := splitName(full)
	kind := strings.ToLower(cmd.stringArg(1))
	if kind == "" {
		kind = "live"
	}
	c := s.conn
	s.end()
	switch {
	case name == "" || strings.HasSuffix(name, "/") || len(name) > maxName:
		s.deny(Status{Code: PublishBadName, Description: nameRule})
		return nil
	case len(query) > maxQuery:
		s.deny(Status{Code: PublishBadName, Description: queryRule})
		return nil
	case !Covers(c.Rights().Write, name):
		s.deny(Status{Code: PublishBadName, Description: "No write access to " + name + ".", Details: name})
		return nil
	case kind == "record" || kind == "append" || kind == "appendwithgap":
		s.deny(Status{Code: RecordFailed, Description: "This server does not record.", Details: name})
		return nil
	case kind != "live":
		s.deny(Status{Code: StreamInvalidArg, Description: "Unknown type of publishing: " + clip(kind) + ".", Details: name})
		return nil
	}
	// The first frame may be on its way behind the command.
	c.transport.Publishing(true)
	c.exec.ask()
	s.asked++
	question := s.asked
	r := PublishRequest{Stream: s, Name: name, Query: query, Type: kind}
	reply := NewReply(func(a PublishAnswer) {
		c.do(func() { s.published(question, r, a) })
	})
	reply.otherwise(c.config.QuestionTimeout, PublishAnswer{Err: ErrTimeout})
	c.handler.Publish(c, r, reply)
	return nil
}

func (s *Stream) published(question uint64, r PublishRequest, a PublishAnswer) {
	s.conn.exec.answered()
	if s.conn.gone || s.conn.closing || question != s.asked {
		dropped(a.Publisher, nil)
		return
	}
	if a.Err == nil && a.Publisher == nil {
		a.Err = errNothing
	}
	if a.Err == nil && a.Publisher.Err() != nil {
		a.Err = Status{Code: PublishBadName} // taken away again before it was told
		a.Publisher.Close()
	}
	if a.Err != nil {
		s.conn.publishingChanged()
		s.status(statusOf(a.Err, PublishBadName, r.Name))
		return
	}
	s.publishing = &publication{name: r.Name, publisher: a.Publisher}
	s.conn.transmit(userControl(eventStreamBegin, s.id), ClassControl)
	s.status(Status{Code: PublishStart, Details: r.Name})
	s.conn.handler.Published(s.conn, r)
}

// unpublish ends a publication, if there is one.
func (s *Stream) unpublish() {
	p := s.publishing
	if p == nil {
		return
	}
	s.publishing = nil
	p.publisher.Close()
	s.conn.publishingChanged()
	s.status(Status{Code: UnpublishSuccess, Details: p.name})
	s.conn.handler.Unpublished(s.conn, p.name)
}

// deny refuses what nobody was asked about.
func (s *Stream) deny(st Status) {
	s.status(st)
	s.conn.handler.Refused(s.conn, st)
}

// publishingChanged tells the transport when nothing is published any more.
func (c *Conn) publishingChanged() {
	for _, s := range c.streams {
		if s.publishing != nil {
			return
		}
	}
	c.transport.Publishing(false)
}

// Evict ends a publication whose name was given to another, as Claim.Evicted of streams tells.
func (s *Stream) Evict(p *streams.Publisher) {
	s.conn.do(func() {
		if s.publishing != nil && s.publishing.publisher == p {
			s.evicted()
		}
	})
}

func (s *Stream) evicted() {
	p := s.publishing
	s.publishing = nil
	p.publisher.Close()
	s.conn.publishingChanged()
	s.status(Status{Code: PublishBadName, Details: p.name, Description: p.name + " was taken over by another publisher."})
	s.conn.handler.Unpublished(s.conn, p.name)
}

// media appends a packet to what the stream publishes. Media of a stream that publishes nothing is dropped, since a
// publisher that was refused may have sent some before it learnt of it; before connect it ends the connection.
func (c *Conn) media(m Message) error {
	s := c.streams[m.StreamID]
	if s == nil || s.publishing == nil {
		return nil
	}
	p := media.NewPacket(media.Kind(m.Type), m.Timestamp, m.Payload)
	s.written(s.publishing.publisher.Write(p))
	return nil
}

// written looks at the outcome of writing: a publisher can be evicted before it knows that it is one.
func (s *Stream) written(err error) {
	if errors.Is(err, streams.ErrEvicted) {
		s.evicted()
	}
}
