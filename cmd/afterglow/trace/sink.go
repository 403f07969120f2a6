package trace

import (
	"bufio"
	"encoding/json"
	"io"
	"strconv"
	"strings"
)

// sink takes events and writes lines.
type sink interface {
	write(e Event)
	flush() error
}

func newSink(w io.Writer, o Options) sink {
	buffered := bufio.NewWriterSize(w, 1<<16)
	if o.JSON {
		encoder := json.NewEncoder(buffered)
		encoder.SetEscapeHTML(false)
		return &jsonSink{w: buffered, encoder: encoder}
	}
	return newTextSink(buffered, o.Color)
}

type jsonSink struct {
	w       *bufio.Writer
	encoder *json.Encoder
	err     error
}

func (s *jsonSink) write(e Event) {
	if s.err == nil {
		s.err = s.encoder.Encode(e)
	}
}

func (s *jsonSink) flush() error {
	if s.err != nil {
		return s.err
	}
	return s.w.Flush()
}

// print writes an event if it is to be shown, and says whether it was.
func (t *Tracer) print(e Event) bool {
	if !t.shows(e) {
		return false
	}
	t.out.write(e)
	return true
}

// shows says whether the options let an event through.
func (t *Tracer) shows(e Event) bool {
	switch e.Kind {
	case KindNote, KindSummary:
		return true
	case KindChunk:
		if t.options.Level == LevelMessages || t.options.Level == LevelPackets {
			return false
		}
	case KindMessage, KindFlow, KindGap:
		if t.options.Level == LevelChunks || t.options.Level == LevelPackets {
			return false
		}
	case KindPacket:
		if t.options.Level == LevelMessages {
			return false
		}
	}
	if t.options.Flow != nil && e.Kind != KindSession && (e.Flow == nil || *e.Flow != *t.options.Flow) {
		return false
	}
	return t.options.Session == "" || t.isSession(e)
}

// isSession says whether an event is of the session that is asked for.
func (t *Tracer) isSession(e Event) bool {
	const idDigits = 8
	asked := strings.ToLower(t.options.Session)
	if len(asked) < idDigits {
		return strconv.Itoa(e.Session) == asked
	}
	s := t.sessions.byNumber[e.Session]
	if s == nil {
		return e.ID == asked
	}
	id, err := strconv.ParseUint(asked, 16, 32)
	return err == nil && (uint64(s.ids[0]) == id || uint64(s.ids[1]) == id)
}
