package engine

import "fmt"

// Warn reports a [Warning] with the place in the script that runs, if one does: for host functions that answer false
// where a person would ask why.
func (e *Engine) Warn(format string, args ...any) {
	p := e.Here(Warning)
	p.Message = fmt.Sprintf(format, args...)
	e.options.Report(p)
}

// Here returns a problem without a message at the place of the script that runs, if one does.
func (e *Engine) Here(kind Kind) Problem {
	p := Problem{Kind: kind}
	if e.depth > 0 {
		p.place(e.VM.CaptureCallStack(0, nil))
		p.Text = e.sources.line(p.File, p.Line)
	}
	return p
}
