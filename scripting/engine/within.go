package engine

import (
	"errors"

	"github.com/dop251/goja"
)

// Within runs Go code from which script may be called by the way: by getters, setters, constructors, conversions to
// strings. What they throw comes back as a *ScriptError, and so do interruptions. Called from outside script it is under
// guard as Call is, and errors have been reported; called by a host function, errors are the caller's to tell of.
func (e *Engine) Within(f func()) error {
	if e.depth > 0 && !e.closed && e.dead == nil {
		if _, err := e.perform(f); err != nil {
			return e.scriptError(err)
		}
		return nil
	}
	_, err := e.enter(func() (goja.Value, error) { return e.perform(f) })
	return err
}

// perform runs f as the body of a host function, which is what makes goja catch exceptions and interruptions.
func (e *Engine) perform(f func()) (goja.Value, error) {
	if e.performer == nil {
		e.performer, _ = goja.AssertFunction(e.VM.ToValue(func(goja.FunctionCall) goja.Value {
			f := e.performed
			e.performed = nil
			f()
			return goja.Undefined()
		}))
	}
	e.performed = f
	return e.performer(goja.Undefined())
}

// Rethrow ends the running host function with an error that [Engine.Within], [Engine.Call] or goja returned: script catches the
// very value that was thrown, and an interruption goes on. Any other error is thrown as an Error of that text.
func (e *Engine) Rethrow(err error) {
	var s *ScriptError
	if errors.As(err, &s) && s.cause != nil {
		panic(s.cause)
	}
	var interrupted *goja.InterruptedError
	if errors.As(err, &interrupted) {
		panic(interrupted)
	}
	var exception *goja.Exception
	if errors.As(err, &exception) {
		panic(exception)
	}
	e.Throw("%v", err)
}
