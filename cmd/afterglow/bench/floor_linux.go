package bench

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"
)

// Floor measures what the options say against a server without a protocol: every frame is written to every player as
// it is, at once or gathered for a time. Command runs ServeFloor in a process of its own.
func Floor(ctx context.Context, o Options, gather time.Duration, command *exec.Cmd, progress io.Writer) (*Report, error) {
	out, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	raiseFileLimit()
	s, err := startServer(command, o.ServerCPU, 1)
	if err != nil {
		return nil, fmt.Errorf("floor server: %w", err)
	}
	defer s.stop()
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("floor server: %w: %s", err, s.output.String())
	}
	o.URL, o.PublishURL = []string{"rtmp://" + strings.TrimSpace(address) + "/floor"}, ""
	o.Pid, o.Start, o.raw = []int{s.pid()}, "", &rawServer{gather: gather}
	return Run(ctx, o, progress)
}
