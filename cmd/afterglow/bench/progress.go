package bench

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
)

// progress tells somebody who waits how far things are: a bar on a terminal, a line for each stage elsewhere.
type progress struct {
	out io.Writer
	bar *progressbar.ProgressBar
}

// stage begins something that takes total steps.
func (p *progress) stage(what string, total int) {
	p.done()
	if p.out == nil {
		return
	}
	if !isTerminal(p.out) {
		fmt.Fprintln(p.out, what)
		return
	}
	p.bar = progressbar.NewOptions(max(total, 1),
		progressbar.OptionSetWriter(p.out),
		progressbar.OptionSetDescription(what),
		progressbar.OptionSetWidth(30),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionSetPredictTime(false),
		progressbar.OptionClearOnFinish(),
	)
}

func (p *progress) set(n int) {
	if p.bar != nil && n < p.bar.GetMax() {
		_ = p.bar.Set(n)
	}
}

// done ends the stage.
func (p *progress) done() {
	if p.bar != nil {
		_ = p.bar.Finish()
		p.bar = nil
	}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
