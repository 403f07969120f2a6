package engine

import (
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/dop251/goja"
	"github.com/dop251/goja/parser"

	"afterglow/scripting/es3"
)

// Options are what an Engine needs. A zero limit means its default.
type Options struct {
	// Post hands a function to the goroutine that the engine belongs to, behind what waits there already. It reports
	// false when that has ended. It may be called from any goroutine.
	Post func(func()) bool
	// Report is told of each script error, on the engine's goroutine. Nil is nobody.
	Report func(Problem)
	// Stuck is told, on a goroutine of its own, that a call has not ended although it was interrupted for MaxTime: one step of
	// it takes that long. Nil is nobody.
	Stuck func(running time.Duration)
	// MaxTime is how long one call from outside may run until it is interrupted. Default 10 s; negative is no limit.
	MaxTime time.Duration
	// MaxMemory is how many bytes of what the heap of the process grows by while a call runs may be the call's doing, before
	// it is interrupted: see Memory. Default 128 MiB; negative is no limit.
	MaxMemory int64
	// LowMemory is told, on the engine's goroutine, that a call has ended which took more than three quarters of MaxMemory.
	// Nil is nobody.
	LowMemory func(taken int64)
	// Memory is shared by all engines of the process; nil is one of the engine's own.
	Memory *Memory
	// MaxDepth is how deep calls may nest. Default 1000.
	MaxDepth int
	// MaxTimers is how many timers may run at a time. Default 10,000.
	MaxTimers int
}

func (o Options) withDefaults() Options {
	if o.Report == nil {
		o.Report = func(Problem) {}
	}
	if o.MaxTime == 0 {
		o.MaxTime = 10 * time.Second
	}
	if o.Memory == nil {
		o.Memory = NewMemory()
	}
	if o.MaxMemory == 0 {
		o.MaxMemory = 128 << 20
	}
	if o.MaxDepth <= 0 {
		o.MaxDepth = 1000
	}
	if o.MaxTimers <= 0 {
		o.MaxTimers = 10000
	}
	return o
}

// Engine is one script heap.
type Engine struct {
	// VM is the runtime. Code that a script has called may use it freely; code that comes from outside enters with Call.
	VM *goja.Runtime

	options Options
	peer    *goja.Symbol // the property that holds the Go side of a host object
	sources sources
	guard   guard
	timers  timers
	depth   int
	closed  bool
	dead    error
	waiting atomic.Int32 // what was posted and has not been done
	drowned atomic.Bool  // more was posted than may wait

	performer goja.Callable // runs performed, see Within
	performed func()
}

// New makes an engine with the globals of the language and the timers.
func New(o Options) (*Engine, error) {
	e := &Engine{VM: goja.New(), options: o.withDefaults(), peer: goja.NewSymbol("host")}
	e.VM.SetParserOptions(parser.WithDisableSourceMaps)
	e.VM.SetMaxCallStackSize(e.options.MaxDepth)
	e.guard.engine = e
	e.timers.engine = e
	if err := es3.Install(e.VM); err != nil {
		return nil, fmt.Errorf("installing the language: %w", err)
	}
	e.installErrors()
	e.installTimers()
	e.installJSON()
	return e, nil
}

// Post hands f to the engine's goroutine. It may be called from any goroutine; nothing happens once the engine is closed.
// It reports false then, and when the script has so much before it already that it is ended.
func (e *Engine) Post(f func()) bool {
	if e.waiting.Add(1) > mostWaiting {
		e.waiting.Add(-1)
		e.drowned.Store(true)
		return false
	}
	posted := e.options.Post(func() {
		e.waiting.Add(-1)
		if e.closed {
			return
		}
		if e.drowned.Swap(false) {
			_ = e.failed(&ScriptError{Problem: Problem{Kind: OutOfMemory, Message: fmt.Sprintf("out of memory: more than %d events wait for the script", mostWaiting)}})
		}
		f()
	})
	if !posted {
		e.waiting.Add(-1)
	}
	return posted
}

// mostWaiting is how much may wait for the script: handlers that have two more called for each call never end.
const mostWaiting = 1 << 16

// Closed says whether the engine has been closed.
func (e *Engine) Closed() bool { return e.closed }

// Close stops the timers and forgets what was posted.
func (e *Engine) Close() {
	e.closed = true
	e.timers.stop()
	e.guard.stop()
}

// ErrClosed is returned for calls into an engine that is closed.
var ErrClosed = errors.New("the script has ended")

// Run compiles a file and runs its top level. It returns a *ScriptError, which has been reported.
func (e *Engine) Run(name, source string) error {
	e.sources.add(name, source)
	text, err := es3.Rewrite(name, source)
	if err != nil {
		return e.failed(err)
	}
	program, err := compile(name, text)
	if err != nil {
		return e.failed(err)
	}
	_, err = e.enter(func() (goja.Value, error) { return e.VM.RunProgram(program) })
	return err
}

// compile is goja.Compile without source maps, which would be read from whatever file the source names, and with errors
// that know their line.
func compile(name, text string) (*goja.Program, error) {
	parsed, err := parser.ParseFile(nil, name, text, 0, parser.WithDisableSourceMaps)
	if err != nil {
		return nil, err
	}
	return goja.CompileAST(parsed, false)
}

// Call calls a script function from outside. It returns a *ScriptError, which has been reported.
func (e *Engine) Call(f goja.Callable, this goja.Value, args ...goja.Value) (goja.Value, error) {
	return e.enter(func() (goja.Value, error) { return f(this, args...) })
}

// CallMethod calls a method of an object from outside, if it has a function of that name. It says whether it has: what cannot be
// found out, because a getter throws or the script has ended, counts as one that fails.
func (e *Engine) CallMethod(o *goja.Object, name string, args ...goja.Value) (v goja.Value, has bool, err error) {
	f, err := e.method(o, name)
	if err != nil {
		return goja.Undefined(), true, err
	}
	if f == nil {
		return goja.Undefined(), false, nil
	}
	v, err = e.Call(f, o, args...)
	return v, true, err
}

// Method returns a function that an object has as a property. A getter that throws has none.
func (e *Engine) Method(o *goja.Object, name string) (f goja.Callable, ok bool) {
	f, err := e.method(o, name)
	return f, err == nil && f != nil
}

// method is Method with the reason why there is none: nil if there is no function of the name.
func (e *Engine) method(o *goja.Object, name string) (f goja.Callable, err error) {
	if o == nil {
		return nil, nil
	}
	err = e.Within(func() { f, _ = goja.AssertFunction(o.Get(name)) })
	return f, err
}

// enter runs script under guard, and reports what goes wrong. What is called from within script is under guard already.
func (e *Engine) enter(run func() (goja.Value, error)) (goja.Value, error) {
	if e.closed || e.dead != nil {
		return goja.Undefined(), ErrClosed
	}
	v, err := e.guarded(run)
	if err != nil {
		return goja.Undefined(), e.failed(err)
	}
	if v == nil {
		v = goja.Undefined()
	}
	return v, nil
}

// guarded runs script under guard, unless that has begun already, and says there what went wrong, since the text of an
// exception may be a function of the script's. It leaves the count right even when Go code panics.
func (e *Engine) guarded(run func() (goja.Value, error)) (v goja.Value, err error) {
	if e.depth == 0 {
		e.guard.begin()
	}
	e.depth++
	defer func() {
		e.depth--
		if e.depth > 0 {
			return
		}
		if r := recover(); r != nil {
			v, err = nil, &ScriptError{Problem: Problem{Kind: Broken, Message: fmt.Sprintf("internal error: %v", r), Stack: string(debug.Stack())}}
		}
		e.guard.end()
	}()
	if v, err = run(); err != nil {
		return nil, e.scriptError(err)
	}
	return v, nil
}

// failed reports an error of a script.
func (e *Engine) failed(err error) error {
	s := e.scriptError(err)
	if s.Kind == OutOfMemory || s.Kind == Broken {
		e.dead = s
		e.timers.stop()
	}
	e.options.Report(s.Problem)
	return s
}

// Abandon lets no more script run although the engine is open. What runs at the moment goes on.
func (e *Engine) Abandon(why error) {
	if e.dead == nil {
		e.dead = why
	}
	e.timers.stop()
}

// Running says whether script runs at the moment.
func (e *Engine) Running() bool { return e.depth > 0 }

// Dead returns why no more script runs although the engine is open: its memory has run out, or Abandon says so. Otherwise it is nil.
func (e *Engine) Dead() error { return e.dead }

// Report reports a problem that no exception tells of.
func (e *Engine) Report(p Problem) { e.options.Report(p) }

// Throw ends the running host function with an exception: an Error with that message.
func (e *Engine) Throw(format string, args ...any) {
	o, err := e.VM.New(e.VM.Get("Error"), e.VM.ToValue(fmt.Sprintf(format, args...)))
	if err != nil {
		panic(e.VM.NewGoError(err))
	}
	panic(o)
}
