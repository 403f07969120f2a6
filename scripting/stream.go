package scripting

import (
	"time"

	"github.com/dop251/goja"

	"afterglow/apps"
	"afterglow/netconn"
	"afterglow/scripting/engine"
)

// stream is the Go side of a Stream object (server-side-api 2.4).
type stream struct {
	host   *host
	object *goja.Object
	name   string
	query  string // of the client that published the name last
	server *apps.ServerStream

	settings streamSettings
}

// streamSettings are properties that a script may set.
type streamSettings struct {
	deaf, blind    bool // receiveAudio and receiveVideo are off
	syncWrite      bool
	generateCCInfo bool
	maxQueueDelay  float64 // milliseconds
	maxQueueSize   float64 // bytes
}

// usualSettings are what a stream begins with; the queue limits are those of Adobe's server, and bound nothing here.
var usualSettings = streamSettings{maxQueueDelay: 500, maxQueueSize: 4096}

// The codes of what recorded streams answer.
const (
	recordFailed netconn.Code = netconn.RecordFailed
	clearFailed  netconn.Code = "NetStream.Clear.Failed"
)

// noRecording is why.
const noRecording = "This server does not record streams yet."

// installStream defines the class Stream when a script first asks for it.
func (h *host) installStream() {
	h.Lazy("Stream", func() goja.Value { return h.streamHandle().Constructor })
}

// streamHandle is the class, made when it is first needed.
func (h *host) streamHandle() *engine.Handle[*stream] {
	type s = *stream
	if h.streamClass != nil {
		return h.streamClass
	}
	h.streamClass = engine.Make(h.Engine, engine.Class[s]{
		Name: "Stream",
		Statics: map[string]any{
			"get":            h.getStream,
			"destroy":        h.destroyStream,
			"length":         func(c engine.Call) goja.Value { return c.Value(0) },
			"size":           func(c engine.Call) goja.Value { return c.Value(0) },
			"getOnMetaData":  func(c engine.Call) goja.Value { return c.VM.NewObject() },
			"setVirtualPath": h.setVirtualPath,
		},
		Properties: map[string]engine.Property[s]{
			"name": {Get: func(s s, c engine.Call) goja.Value { return c.Value(s.name) }},
			"type": { // which no reference names; Adobe's livepkgr reads it
				Get: func(s s, c engine.Call) goja.Value { return c.Value(streamType(s.name)) },
				Set: func(_ s, c engine.Call, v goja.Value) { c.Shadow("type", v) },
			},
			"publishQueryString": {Get: func(s s, c engine.Call) goja.Value { return c.Value(s.query) }},
			"time":               {Get: func(s s, c engine.Call) goja.Value { return c.Value(s.server.Time().Seconds()) }},
			"bufferTime":         {Get: func(s s, c engine.Call) goja.Value { return c.Value(s.server.BufferTime().Seconds()) }},
			"maxQueueDelay":      numberSetting(func(s *streamSettings) *float64 { return &s.maxQueueDelay }),
			"maxQueueSize":       numberSetting(func(s *streamSettings) *float64 { return &s.maxQueueSize }),
			"syncWrite":          boolSetting(func(s *streamSettings) *bool { return &s.syncWrite }),
			"generateCCInfo":     boolSetting(func(s *streamSettings) *bool { return &s.generateCCInfo }),
			"receiveAudio": {
				Get: func(s s, c engine.Call) goja.Value { return c.Value(!s.settings.deaf) },
				Set: func(s s, _ engine.Call, v goja.Value) { s.receive(&s.settings.deaf, v, s.server.ReceiveAudio) },
			},
			"receiveVideo": {
				Get: func(s s, c engine.Call) goja.Value { return c.Value(!s.settings.blind) },
				Set: func(s s, _ engine.Call, v goja.Value) { s.receive(&s.settings.blind, v, s.server.ReceiveVideo) },
			},
		},
		Methods: map[string]engine.Method[s]{
			"play":          s.play,
			"send":          s.send,
			"record":        s.record,
			"flush":         func(_ s, c engine.Call) goja.Value { return c.Value(false) },
			"clear":         s.clear,
			"setBufferTime": func(s s, c engine.Call) goja.Value { s.server.SetBufferTime(seconds(c.Number(0, 0))); return nil },
		},
	})
	return h.streamClass
}

func numberSetting(of func(*streamSettings) *float64) engine.Property[*stream] {
	return engine.Property[*stream]{
		Get: func(s *stream, c engine.Call) goja.Value { return c.Value(*of(&s.settings)) },
		Set: func(s *stream, _ engine.Call, v goja.Value) { *of(&s.settings) = v.ToFloat() },
	}
}

func boolSetting(of func(*streamSettings) *bool) engine.Property[*stream] {
	return engine.Property[*stream]{
		Get: func(s *stream, c engine.Call) goja.Value { return c.Value(*of(&s.settings)) },
		Set: func(s *stream, _ engine.Call, v goja.Value) { *of(&s.settings) = v.ToBoolean() },
	}
}

// seconds makes a duration of a script's number; what is none, negative or beyond a day is brought within the bounds.
func seconds(v float64) time.Duration {
	const most = 86400
	if !(v > 0) {
		return 0
	}
	return time.Duration(min(v, most) * float64(time.Second))
}

// getStream is Stream.get(name): the same object for the same name.
func (h *host) getStream(c engine.Call) goja.Value {
	name := streamName(c.String(0))
	if name == "" {
		return goja.Null()
	}
	return h.stream(name).object
}

// destroyStream is Stream.destroy(stream): it ends what the object plays, and forgets the object.
func (h *host) destroyStream(c engine.Call) goja.Value {
	s, ok := h.streamClass.Self(c.Arg(0))
	if !ok {
		return c.Value(false)
	}
	s.close()
	h.forgetStream(s)
	return c.Value(true)
}

// setVirtualPath takes (path, directory, key), for recorded streams.
func (h *host) setVirtualPath(engine.Call) goja.Value {
	h.warn("Stream.setVirtualPath has no effect: this server has no recorded streams yet")
	return nil
}

// status is told what becomes of what the stream plays.
func (s *stream) status(st netconn.Status) { s.host.status(s.object, st) }

// close ends what the stream plays. The object can do nothing from now on.
func (s *stream) close() { s.server.Close() }

// play takes (source, start, length, reset, connection, virtual key), or false to stop.
func (s *stream) play(c engine.Call) goja.Value {
	if source := c.Arg(0); goja.IsUndefined(source) || source.StrictEquals(c.Value(false)) {
		s.server.Stop()
		return c.Value(true)
	}
	src := apps.Source{
		Name:   c.String(0),
		Start:  c.Number(1, netconn.PlayLiveOrRecorded),
		Length: c.Number(2, -1),
		Reset:  resetOf(c.Arg(3)),
	}
	if n, ok := s.host.netClass.Self(c.Arg(4)); ok {
		if src.Remote = n.client; n.client == nil {
			return s.fails(c, netconn.PlayFailed, src.Name, "The NetConnection is not connected.")
		}
	}
	s.host.retainStream(s)
	return c.Value(s.server.Play(src))
}

// resetOf is the argument of play: a Boolean or 0 to 3, true if it is missing.
func resetOf(v goja.Value) apps.Reset {
	if goja.IsUndefined(v) || goja.IsNull(v) {
		return apps.ResetReplace
	}
	switch n := v.ToInteger(); n {
	case 0, 1, 2, 3:
		return apps.Reset(n)
	}
	return apps.ResetReplace
}

// send takes (handler, values...).
func (s *stream) send(c engine.Call) goja.Value {
	if len(c.Args) == 0 {
		return c.Value(false)
	}
	return c.Value(s.server.Send(c.String(0), s.host.arguments(c.Args[1:])...))
}

// record takes (flag, longest duration, largest size). Nothing is recorded: false, which stops, has nothing to do.
func (s *stream) record(c engine.Call) goja.Value {
	if c.Arg(0).StrictEquals(c.Value(false)) {
		return c.Value(true)
	}
	return s.fails(c, recordFailed, s.name, noRecording)
}

// clear deletes what was recorded, of which there is nothing.
func (s *stream) clear(c engine.Call) goja.Value {
	return s.fails(c, clearFailed, s.name, noRecording)
}

// fails tells onStatus why something was not done, and returns false.
func (s *stream) fails(c engine.Call, code netconn.Code, details, description string) goja.Value {
	s.host.Post(func() {
		s.host.status(s.object, netconn.Status{Code: code, Level: netconn.LevelError, Details: details, Description: description})
	})
	return c.Value(false)
}

// receive sets receiveAudio or receiveVideo.
func (s *stream) receive(off *bool, v goja.Value, set func(on bool)) {
	*off = !v.ToBoolean()
	set(!*off)
}
