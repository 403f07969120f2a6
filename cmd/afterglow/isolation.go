package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"

	"afterglow/apps"
	"afterglow/apps/isolated"
	"afterglow/configs"
	"afterglow/netconn"
	"afterglow/netconn/overrtmp"
)

// openWorkers makes what runs applications in processes of their own.
func (n *node) openWorkers(c *configs.Config) {
	n.workers = isolated.New(isolated.Options{Command: workerCommand, Open: handOver, Config: c, Key: n.key.value, Log: n.log})
}

// codeOf says where an application runs.
func (n *node) codeOf(name string, here func(name string) apps.Application) apps.Application {
	if n.config.Load().Application(name).Scripts.Isolation == configs.IsolationProcess {
		return n.workers.Application(name)
	}
	return here(name)
}

// workerCommand runs this program as a worker. Its environment has nothing of the configuration, which may have secrets.
func workerCommand(application string) *exec.Cmd {
	return &exec.Cmd{
		Path: ownProgram(),
		Args: []string{"afterglow", "worker", application},
		Env: slices.DeleteFunc(os.Environ(), func(variable string) bool {
			return strings.HasPrefix(variable, "AFTERGLOW_")
		}),
	}
}

// ownProgram is the file of this program, on Linux even if it has been replaced meanwhile.
func ownProgram() string {
	if runtime.GOOS == "linux" {
		return "/proc/self/exe"
	}
	path, err := os.Executable()
	if err != nil {
		return os.Args[0]
	}
	return path
}

// handOver hands a client over to a worker.
func handOver(ctx context.Context, to isolated.Address, c *netconn.Conn, connect netconn.Message) (netconn.Relay, error) {
	nc, err := new(net.Dialer).DialContext(ctx, to.Network, to.Address)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", isolated.ErrAbsent, err)
	}
	hello := overrtmp.Hello{Secret: to.Secret, Client: c.ID(), Far: c.Far()}
	relay, err := overrtmp.OpenRelay(ctx, nc, hello, connect, overrtmp.RelayOptions{})
	if err != nil {
		return nil, err
	}
	return relay, nil
}
