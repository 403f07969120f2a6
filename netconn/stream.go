package netconn

import (
	"fmt"
	"sync/atomic"

	"afterglow/streams"
)

// Stream is a server's end of a NetStream. What it does belongs to its connection's affairs.
type Stream struct {
	conn *Conn
	id   uint32

	publishing *publication
	playing    *player
	playlist   []playItem // what plays after that
	// What the client asked for before or between plays.
	noAudio, noVideo bool
	bufferLength     atomic.Uint32 // milliseconds

	asked uint64 // questions asked, so that a late answer finds its question
}

// Conn returns the connection that the stream belongs to.
func (s *Stream) Conn() *Conn { return s.conn }

// ID returns the message stream ID.
func (s *Stream) ID() uint32 { return s.id }

// BufferLength returns the buffer, in milliseconds, that the client keeps as it says.
func (s *Stream) BufferLength() uint32 { return s.bufferLength.Load() }

func (c *Conn) createStream(cmd *command) error {
	if len(c.streams) >= c.config.Streams {
		if c.overStreams++; c.overStreams > refusedStreams {
			return fmt.Errorf("%w: %d streams are open and createStream goes on", ErrLimit, len(c.streams))
		}
		return c.refuse(cmd, Status{Code: CallFailed, Description: fmt.Sprintf("The connection has %d streams, the limit.", len(c.streams))})
	}
	if c.streams == nil {
		c.streams = make(map[uint32]*Stream)
	}
	s := &Stream{conn: c, id: c.freeID()}
	c.streams[s.id] = s
	c.transport.StreamOpened(s.id)
	// Transaction 0 asks for no answer, but librtmfp, which sends no other, waits for one; the command has no use without.
	return c.send(0, "_result", cmd.transaction, nil, float64(s.id))
}

// freeID returns the smallest ID without a stream. The wire form of a packet hangs on the stream's ID: with ever new ones
// a client could have the server make ever more of them.
func (c *Conn) freeID() uint32 {
	for c.streams[c.free] != nil || c.free == 0 {
		c.free++
	}
	return c.free
}

// refusedStreams is how many createStream commands beyond the limit are answered before they are taken for abuse.
const refusedStreams = 100

// deleteStream ends a stream; it has no answer. The stream is an argument (Errata section 8.3), but a few clients
// send the command on the stream itself.
func (c *Conn) deleteStream(cmd *command) error {
	id, ok := streamID(cmd.arg(0))
	if !ok {
		id = cmd.streamID
	}
	if s := c.streams[id]; s != nil {
		s.end()
		delete(c.streams, id)
		c.free = min(c.free, id)
		c.transport.StreamClosed(id)
	}
	return nil
}

var streamCommands map[string]func(*Stream, *command) error

func init() {
	streamCommands = map[string]func(*Stream, *command) error{
		"publish":      (*Stream).publish,
		"play":         (*Stream).play,
		"pause":        (*Stream).pause,
		"pauseRaw":     (*Stream).pause,
		"seek":         (*Stream).seek,
		"receiveAudio": (*Stream).receiveAudio,
		"receiveVideo": (*Stream).receiveVideo,
		"closeStream":  (*Stream).closeStream,
		"deleteStream": func(s *Stream, cmd *command) error { return s.conn.deleteStream(cmd) },
	}
}

// status sends an onStatus on the stream.
func (s *Stream) status(st Status) {
	if !s.conn.gone {
		s.conn.status(s.id, st)
	}
}

// closeStream stops publishing or playing; the stream stays.
func (s *Stream) closeStream(*command) error {
	s.asked++
	s.playlist = nil
	s.unpublish()
	s.stopAndTell()
	return nil
}

// end stops whatever the stream does, a question that is open included.
func (s *Stream) end() {
	s.asked++
	s.playlist = nil
	s.unpublish()
	s.stop()
}

// dropped closes what an answer brought too late.
func dropped(p *streams.Publisher, sub *streams.Subscriber) {
	if p != nil {
		p.Close()
	}
	if sub != nil {
		sub.Close()
	}
}
