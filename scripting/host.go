package scripting

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/dop251/goja"

	"afterglow/amf"
	"afterglow/apps"
	"afterglow/netconn"
	"afterglow/scripting/bytearrays"
	"afterglow/scripting/engine"
	"afterglow/scripting/files"
	"afterglow/scripting/values"
	"afterglow/scripting/web"
)

// host is the script of one instance. It belongs to the instance's goroutine.
type host struct {
	*engine.Engine
	options  Options
	instance *apps.Instance
	folder   *folder
	log      *slog.Logger
	values   *values.Converter
	web      *web.Classes
	files    *files.Files

	mainFile string
	loading  []loadCall
	loaded   map[string]bool // files that have run or will
	started  bool            // onAppStart has run
	telling  bool            // application.onStatus is being told of an error of the script

	application *goja.Object
	clients     *goja.Object // application.clients, an array
	present     []*client    // those that have been accepted and not gone, whatever the script does to the array
	push        goja.Callable
	splice      goja.Callable
	clientClass *engine.Handle[*client]
	streamClass *engine.Handle[*stream]
	objectClass *engine.Handle[*sharedObject]
	netClass    *engine.Handle[*netConnection]
	outClass    *engine.Handle[*netStream]
	streams     map[string]*stream
	idle        idleStreams
	objects     map[objectName]*sharedObject
	proxies     map[string]proxy // methods that are forwarded
	nets        map[*netConnection]struct{}
	context     context.Context // ends with the script
	cancel      context.CancelFunc
	runaways    []time.Time // when calls ran away lately
	problems    problemLog
	gone        traffic // of clients that have gone
	born        time.Time
	rates       rates
	lookup      *lookup // that onPeerLookup is asked about
	allowDebug  bool    // kept for the script: there are no debug sessions
}

// newHost makes the heap with all globals.
func newHost(o Options, i *apps.Instance, f *folder) (*host, error) {
	h := &host{options: o, instance: i, folder: f, log: i.Log(), loaded: make(map[string]bool), streams: make(map[string]*stream),
		objects: make(map[objectName]*sharedObject), proxies: make(map[string]proxy), nets: make(map[*netConnection]struct{})}
	h.born = time.Now()
	h.context, h.cancel = context.WithCancel(context.Background())
	s := i.Settings().Scripts
	var err error
	h.Engine, err = engine.New(engine.Options{
		Post:      i.Do,
		Report:    h.problem,
		Stuck:     h.stuck,
		LowMemory: h.lowMemory,
		MaxTime:   s.MaxTime,
		MaxMemory: int64(s.MaxMemory),
		Memory:    o.memory,
		MaxDepth:  s.MaxDepth,
		MaxTimers: s.MaxTimers,
	})
	if err != nil {
		h.cancel()
		return nil, err
	}
	h.values = values.New(h.Engine)
	h.web = web.Install(h.Engine, web.Options{HTTP: o.HTTP, Dial: o.Socket, Timeout: s.HTTPTimeout})
	h.values.XML, h.values.XMLText = h.web.XML, h.web.XMLText
	bytearrays.Install(h.Engine, h.values)
	h.files = files.Install(h.Engine, files.Options{Root: f.dir, Virtual: i.Settings().Directories})
	h.installGlobals()
	h.installApplication()
	h.installClient()
	h.installStream()
	h.installSharedObject()
	h.installNetConnection()
	h.installNetStream()
	h.installUnsupported()
	return h, nil
}

// close ends the script and everything that it has begun.
func (h *host) close() {
	if h.Closed() {
		return
	}
	h.cancel()
	h.web.Close()
	h.files.Close()
	for n := range h.nets {
		n.close()
	}
	for _, s := range h.streams {
		s.close()
	}
	for _, o := range h.objects {
		o.drop()
	}
	h.Engine.Close()
}

// stuck tells that a step of the script cannot be interrupted. It is called on another goroutine.
func (h *host) stuck(running time.Duration) {
	h.log.Error("the script does not stop: one step of it takes too long, during which nothing of this instance goes on; "+
		"scripts.isolation: process gives it a process that can be ended", "running", running.Round(time.Second))
}

// lowMemory tells application.onStatus that a call nearly ran out of memory (server-side-api 1.5).
func (h *host) lowMemory(taken int64) {
	h.log.Warn("a call of the script took most of the memory that it may take", "bytes", taken, "limit", h.instance.Settings().Scripts.MaxMemory)
	_, _, _ = h.CallMethod(h.application, "onStatus", h.info(netconn.Status{
		Code: "Application.Resource.LowMemory", Level: netconn.LevelWarning, Description: "The script is running out of memory."}))
}

// problem logs an error of the script, and tells application.onStatus (server-side-api 1.5).
func (h *host) problem(p engine.Problem) {
	h.instance.Server().Stats().Problems.Add(1)
	attrs := []any{"file", p.File, "line", p.Line, "text", p.Text}
	if p.Stack != "" && strings.Contains(p.Stack, "\n") {
		attrs = append(attrs, "stack", p.Stack)
	}
	level, code, name := slog.LevelError, "Application.Script.Error", "error"
	if p.Kind == engine.Warning {
		level, code, name = slog.LevelWarn, "Application.Script.Warning", "warning"
	}
	hopeless := h.hopeless(p)
	if skipped, ok := h.problems.next(time.Now()); ok || hopeless {
		if skipped > 0 {
			h.log.Warn("script: more problems than are logged", "more", skipped)
		}
		h.log.Log(h.context, level, "script: "+p.Message, attrs...)
	}
	if hopeless {
		h.Abandon(errors.New(p.String())) // before what waits ahead of the end runs away, too
		h.instance.Kill(errors.New(p.String()))
		return
	}
	if h.application == nil || !h.started || h.telling || p.Kind == engine.Syntax {
		return
	}
	h.Post(func() { h.scriptStatus(code, name, p) })
}

// An instance whose calls run away again and again is killed.
const (
	mostRunaways = 3
	runawayTime  = 5 * time.Minute
)

// hopeless says whether the instance must end: its heap cannot be used any more, or its script keeps running away.
func (h *host) hopeless(p engine.Problem) bool {
	switch p.Kind {
	case engine.OutOfMemory, engine.Broken:
		return true
	case engine.Runaway:
		now := time.Now()
		h.runaways = slices.DeleteFunc(append(h.runaways, now), func(t time.Time) bool { return now.Sub(t) > runawayTime })
		return len(h.runaways) >= mostRunaways
	}
	return false
}

// scriptStatus tells application.onStatus of an error. One within it is told nobody.
func (h *host) scriptStatus(code, level string, p engine.Problem) {
	h.telling = true
	defer func() { h.telling = false }()
	_, _, _ = h.CallMethod(h.application, "onStatus", h.object(
		"code", code, "level", level, "description", p.Message, "details", p.Message,
		"filename", p.File, "lineno", p.Line, "linebuf", p.Text))
}

// object makes a plain object of names and values.
func (h *host) object(pairs ...any) *goja.Object {
	o := h.VM.NewObject()
	for n := 0; n+1 < len(pairs); n += 2 {
		h.define(o, pairs[n].(string), h.VM.ToValue(pairs[n+1]))
	}
	return o
}

// define gives an object a property as a literal would: no setter of Object.prototype is called.
func (h *host) define(o *goja.Object, name string, v goja.Value) {
	_ = o.DefineDataProperty(name, v, goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_TRUE)
}

// info makes an info object of a status.
func (h *host) info(s netconn.Status) *goja.Object {
	if o, ok := h.values.ToScript(s.Info()).(*goja.Object); ok {
		return o
	}
	return h.object("code", string(s.Code), "level", s.Level, "description", s.Description)
}

// status calls an object's onStatus, or application.onStatus if it has none (server-side-api 2.2).
func (h *host) status(o *goja.Object, s netconn.Status) {
	info := h.info(s)
	if _, has, _ := h.CallMethod(o, "onStatus", info); !has && o != h.application {
		_, _, _ = h.CallMethod(h.application, "onStatus", info)
	}
}

// arguments converts what a script sends. What cannot be sent is reported as an exception of the script.
func (h *host) arguments(args []goja.Value) []amf.Value {
	out, err := h.values.FromScripts(args)
	if err != nil {
		h.Throw("cannot be sent: %v", err)
	}
	return out
}

// load runs the main script and what it loads, and onAppStart (server-side-api 1.3).
func (h *host) load(main string) error {
	h.mainFile = main
	if secure, _, err := h.folder.open(main, "secure.asc"); err == nil {
		if err := h.runSecure(secure); err != nil {
			return err
		}
	}
	source, found, err := h.folder.open("", main)
	if err != nil {
		return fmt.Errorf("%s: %w", main, err)
	}
	h.loaded[found] = true
	if err := h.Run(found, source); err != nil {
		var s *engine.ScriptError
		if errors.As(err, &s) && s.Kind != engine.Exception {
			return fmt.Errorf("script load failure: %w", err)
		}
		// What threw at the top level has been reported. What it defined before that is there, as it was on Adobe's server.
	}
	h.runLoaded()
	h.started = true
	_, _, err = h.CallMethod(h.application, "onAppStart")
	if dead := h.Dead(); dead != nil {
		return dead
	}
	_ = err // reported
	return nil
}

// runLoaded runs the files that load was given, in order, and those that they load.
func (h *host) runLoaded() {
	for len(h.loading) > 0 {
		call := h.loading[0]
		h.loading = h.loading[1:]
		source, found, err := h.folder.open(h.mainFile, call.name)
		if err != nil {
			call.from.Message = fmt.Sprintf("load(%q): %v", call.name, err)
			h.Report(call.from)
			continue
		}
		if h.loaded[found] {
			continue
		}
		h.loaded[found] = true
		_ = h.Run(found, source) // reported; the instance goes on
	}
}

// stop asks onAppStop, which keeps an idle instance by returning false.
func (h *host) stop(why apps.StopReason) bool {
	code := "Application.Shutdown"
	if why == apps.StopIdle {
		code = "Application.GC"
	}
	v, has, err := h.CallMethod(h.application, "onAppStop", h.object("code", code, "level", "status"))
	if !has || err != nil {
		return true
	}
	return !v.StrictEquals(h.VM.ToValue(false))
}
