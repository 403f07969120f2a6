package web

import (
	"time"

	"github.com/dop251/goja"

	"afterglow/scripting/engine"
)

// The levels of a Log: what is above the level of the log is left out.
const (
	logNone    = -1
	logBrief   = 0
	logVerbose = 1
	logDebug   = 2
)

// serviceLog is the Go side of a Log (server-side-api 2.12).
type serviceLog struct{}

func (c *Classes) log() *engine.Handle[*serviceLog] {
	if c.logMade == nil {
		c.logMade = engine.Make(c.engine, engine.Class[*serviceLog]{
			Name: "Log",
			New: func(_ *engine.Engine, o *goja.Object, args []goja.Value) (*serviceLog, error) {
				call := engine.Call{Engine: c.engine, Args: args}
				_ = o.Set("level", call.Number(0, logBrief))
				_ = o.Set("name", call.String(1))
				return &serviceLog{}, nil
			},
			Methods: map[string]engine.Method[*serviceLog]{
				"logInfo": func(_ *serviceLog, call engine.Call) goja.Value {
					c.logTo(call.This, call.Number(1, logBrief), "INFO", call.String(0))
					return nil
				},
				"logDebug": func(_ *serviceLog, call engine.Call) goja.Value {
					c.logTo(call.This, logDebug, "DEBUG", call.String(0))
					return nil
				},
			},
			Statics: map[string]any{"NONE": logNone, "BRIEF": logBrief, "VERBOSE": logVerbose, "DEBUG": logDebug},
		})
	}
	return c.logMade
}

// logTo calls onLog of a log with a message that its level lets through.
func (c *Classes) logTo(o *goja.Object, level float64, kind, message string) {
	if o == nil {
		return
	}
	allowed := o.Get("level")
	if allowed == nil || level > allowed.ToFloat() {
		return
	}
	line := time.Now().UTC().Format("2006-01-02 15:04:05 ") + "[" + kind + "] "
	if name := stringOf(o.Get("name")); name != "" {
		line += name + ": "
	}
	_, _, _ = c.engine.CallMethod(o, "onLog", c.engine.VM.ToValue(line+message))
}
