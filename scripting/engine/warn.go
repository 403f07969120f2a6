package engine

import "fmt"

// Warn reports a [Warning] with the place in the script that runs, if one does: for host functions that answer false
// where a person would ask why.
func (e *Engine) Warn(format string, args ...any) {
	p := Problem{Kind: Warning, Message: fmt.Sprintf(format, args...)}
	if e.depth > 0 {
		p.place(e.VM.CaptureCallStack(0, nil))
		p.Text = e.sources.line(p.File, p.Line)
	}
	e.options.Report(p)
}
