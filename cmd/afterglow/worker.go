package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	bbolterrors "go.etcd.io/bbolt/errors"

	"afterglow/apps"
	"afterglow/apps/isolated"
	"afterglow/configs"
	"afterglow/netconn"
	"afterglow/netconn/overrtmp"
	"afterglow/rtmp"
	"afterglow/sharedobjects"
)

// WorkerCmd runs one application for a server, which has started it (scripts.isolation: process).
type WorkerCmd struct {
	Application string `arg:"" help:"Name of the application."`
}

// Run serves until standard input ends.
func (c *WorkerCmd) Run() error {
	// The server ends its workers when it has seen its clients off, whatever signal it and they were sent.
	signal.Ignore(os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	collectOften()
	in, out := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	var orders isolated.Orders
	if err := in.Decode(&orders); err != nil {
		return errors.New("afterglow worker is for afterglow serve to run")
	}
	w, err := openWorker(orders)
	if err != nil {
		return errors.Join(err, out.Encode(isolated.Notice{Failure: err.Error()}))
	}
	_ = out.Encode(isolated.Notice{Listening: w.listener.Addr().String()})
	w.apps.LoadOnStartup()
	w.follow(in, out)
	return w.close()
}

// worker is one application with everything that it needs.
type worker struct {
	log      *slog.Logger
	level    slog.LevelVar
	objects  *sharedobjects.Store
	apps     *apps.Server
	front    *overrtmp.Server
	rtmp     *rtmp.Server
	listener net.Listener
	served   chan struct{}
}

// openWorker starts to serve.
func openWorker(o isolated.Orders) (*worker, error) {
	w := &worker{served: make(chan struct{})}
	w.level.Set(o.Config.Log.Level.Level())
	w.log = slog.New(workerLog{slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: &w.level, ReplaceAttr: readable})})
	limitMemory(o)
	listener, err := net.Listen(o.Network, o.Address)
	if err != nil {
		return nil, err
	}
	w.listener = overrtmp.RelayListener(listener, o.Secret)
	path := filepath.Join(o.Config.Data.Dir, "sharedobjects-"+o.Application+".db")
	if w.objects, err = openObjects(path, sharedobjects.Options{CommitInterval: o.Config.SharedObjects.CommitInterval, Log: w.log}); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	w.apps = apps.NewServer(apps.Options{
		Config: o.Config, Key: o.Key, Log: w.log, SharedObjects: w.objects, Code: newScripts().Application,
	})
	w.front = overrtmp.NewServer(w.apps, workerFront(o.Config), w.log)
	w.rtmp = &rtmp.Server{Handler: w.front, Log: w.log}
	w.rtmp.Update(workerDoor(o.Config))
	go func() {
		defer close(w.served)
		_ = w.rtmp.Serve(w.listener)
	}()
	return w, nil
}

// limitMemory keeps the heap below what the server tolerates, for as long as what is on it can be collected.
func limitMemory(o isolated.Orders) {
	most := int64(o.Config.Application(o.Application).Scripts.ProcessMemory)
	debug.SetMemoryLimit(most - most/16)
	limitAddressSpace(most)
}

// storeTime is how long the worker of a server that was killed may have the shared objects.
const storeTime = 12 * time.Second

// openObjects opens the store of shared objects.
func openObjects(path string, o sharedobjects.Options) (*sharedobjects.Store, error) {
	for began := time.Now(); ; {
		store, err := sharedobjects.Open(path, o)
		if err == nil || !errors.Is(err, bbolterrors.ErrTimeout) || time.Since(began) > storeTime {
			return store, err
		}
	}
}

// workerFront is frontConfig for clients that are handed over.
func workerFront(c *configs.Config) overrtmp.Config {
	const chunk = 1 << 20 // nearly every message is one
	front := frontConfig(c)
	front.ChunkSize = chunk
	return front
}

// workerDoor is doorLimits without a limit on connections: the server has counted them.
func workerDoor(c *configs.Config) func(*rtmp.Server) {
	limits := doorLimits(c.Limits)
	return func(s *rtmp.Server) {
		limits(s)
		s.MaxConns, s.MaxConnsPerAddr = 0, 0
	}
}

// follow does what the server says until it says no more, and tells it now and then that all is well.
func (w *worker) follow(in *json.Decoder, out *json.Encoder) {
	orders := make(chan isolated.Orders)
	go func() {
		defer close(orders)
		for {
			var o isolated.Orders
			if in.Decode(&o) != nil {
				return
			}
			orders <- o
		}
	}()
	beat := time.NewTicker(isolated.Beat)
	defer beat.Stop()
	for {
		select {
		case o, more := <-orders:
			if !more {
				return
			}
			w.apply(o)
		case <-beat.C:
			w.watch()
			_ = out.Encode(isolated.Notice{Instances: len(w.apps.Instances())})
		}
	}
}

// apply makes a configuration hold.
func (w *worker) apply(o isolated.Orders) {
	w.level.Set(o.Config.Log.Level.Level())
	limitMemory(o)
	w.apps.SetKey(o.Key)
	w.apps.SetConfig(o.Config)
	w.apps.Reload()
	w.front.SetConfig(workerFront(o.Config))
	w.rtmp.Update(workerDoor(o.Config))
	w.log.Info("configuration taken over")
}

// stuckTime is for how long beyond scripts.maxTime an instance may be at one thing.
const stuckTime = 5 * time.Second

// exitStuck is the exit status of a worker that has given itself up.
const exitStuck = 3

// watch ends the process when an instance does not get on with what it does: it is at something that cannot be broken off.
func (w *worker) watch() {
	for _, i := range w.apps.Instances() {
		most := i.Settings().Scripts.MaxTime + stuckTime
		if busy := i.Busy(); busy.Running > most {
			w.log.Error("instance is stuck: its process ends", "app", i.Name(), "for", busy.Running.Round(time.Second), "waiting", busy.Waiting)
			os.Exit(exitStuck)
		}
	}
}

// closeTime is how long the application has for its last words, endTime how long all of the end may take.
const (
	closeTime = 8 * time.Second
	endTime   = 12 * time.Second
)

// close ends the application and everything else.
func (w *worker) close() error {
	time.AfterFunc(endTime, func() { os.Exit(exitStuck) })
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	err := w.apps.Close(ctx)
	w.front.Tell(netconn.Status{Code: netconn.ConnectAppShutdown})
	err = errors.Join(err, w.rtmp.Close())
	w.front.Wait()
	<-w.served
	if socket := w.listener.Addr(); socket.Network() == "unix" {
		_ = os.Remove(filepath.Dir(socket.String())) // for a server that was killed: the folder is empty now
	}
	return errors.Join(err, w.objects.Close())
}

// workerLog leaves out what the server logs itself.
type workerLog struct{ slog.Handler }

func (l workerLog) Handle(ctx context.Context, r slog.Record) error {
	switch r.Message {
	case "connect", "connect rejected", "disconnect":
		return nil
	}
	return l.Handler.Handle(ctx, r)
}

func (l workerLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	return workerLog{l.Handler.WithAttrs(attrs)}
}
func (l workerLog) WithGroup(name string) slog.Handler { return workerLog{l.Handler.WithGroup(name)} }

// readable has durations written as people write them.
func readable(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		return slog.String(a.Key, fmt.Sprint(a.Value.Duration()))
	}
	return a
}
