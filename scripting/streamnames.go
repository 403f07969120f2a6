package scripting

import (
	"strings"
	"weak"
)

// streamName cuts the query off the name of a stream.
func streamName(full string) string {
	name, _, _ := strings.Cut(full, "?")
	return name
}

// streamType is the type that a name begins with, flv when it has none.
func streamType(name string) string {
	kind, _, found := strings.Cut(name, ":")
	if !found {
		return "flv"
	}
	return kind
}

// usualStreams is how many Stream objects are kept before those that nobody uses are looked for.
const usualStreams = 1000

// idleStreams are Stream objects that nothing but the script keeps: of an object that it has let go of nobody can tell
// that the next one of the name is another.
type idleStreams struct {
	byName map[string]weak.Pointer[stream]
	limit  int // of all objects, before the next search
}

// stream returns the stream of a name, made if need be. There is one object for each name: it is the same as long as the
// script holds it, it has properties of the script's such as onStatus, or its name is published or it plays.
func (h *host) stream(name string) *stream {
	if s := h.streams[name]; s != nil {
		return s
	}
	if s := h.idle.byName[name].Value(); s != nil {
		h.retainStream(s)
		return s
	}
	h.searchIdle()
	s := &stream{host: h, name: name, settings: usualSettings}
	s.object = h.streamHandle().Wrap(s)
	s.server = h.instance.ServerStream(name, s.status)
	h.streams[name] = s
	return s
}

// retainStream keeps an object that is about to be used.
func (h *host) retainStream(s *stream) {
	if s.server.Closed() {
		return
	}
	delete(h.idle.byName, s.name)
	h.streams[s.name] = s
}

// forgetStream forgets an object that has been closed.
func (h *host) forgetStream(s *stream) {
	if h.streams[s.name] == s {
		delete(h.streams, s.name)
	}
	if h.idle.byName[s.name].Value() == s {
		delete(h.idle.byName, s.name)
	}
}

// searchIdle leaves objects that nobody uses to the script, when there are twice as many as after the search before.
func (h *host) searchIdle() {
	idle := &h.idle
	if len(h.streams)+len(idle.byName) < max(idle.limit, usualStreams) {
		return
	}
	if idle.byName == nil {
		idle.byName = make(map[string]weak.Pointer[stream])
	}
	for name, p := range idle.byName {
		if p.Value() == nil {
			delete(idle.byName, name)
		}
	}
	for name, s := range h.streams {
		if s.idle() {
			delete(h.streams, name)
			idle.byName[name] = weak.Make(s)
		}
	}
	idle.limit = 2 * (len(h.streams) + len(idle.byName))
}

// idle says that nothing but the script can tell the object from a new one.
func (s *stream) idle() bool {
	return len(s.object.Keys()) == 0 && s.settings == usualSettings && s.server.BufferTime() == 0 &&
		!s.server.Playing() && !s.server.Publishing() && s.host.instance.Hub().Publisher(s.name) == nil
}
