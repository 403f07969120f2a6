package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"afterglow/apps"
	"afterglow/apps/isolated"
	"afterglow/configs"
	"afterglow/netconn"
	"afterglow/netconn/overrtmp"
	"afterglow/rtmp"
	"afterglow/sharedobjects"
)

// node is a running server and everything in it.
type node struct {
	sources configs.Sources
	config  atomic.Pointer[configs.Config]
	level   slog.LevelVar
	log     *slog.Logger
	key     publishKey // as it was at the start
	apps    *apps.Server
	workers *isolated.Workers // of applications that run in processes of their own
	objects *sharedobjects.Store
	front   *overrtmp.Server
	rtmp    *rtmp.Server

	rtmfp       *rtmfpDoor // nil without RTMFP
	proxies     proxyHeaders
	certificate certificate
	listeners   []listener
	monitor     *http.Server
	since       time.Time
	draining    atomic.Bool
	failed      chan error
	running     sync.WaitGroup
}

// newNode reads the configuration and makes a server that does not listen yet. Its log goes to logTo.
func newNode(sources configs.Sources, logTo io.Writer) (*node, error) {
	config, err := configs.Load(sources)
	if err != nil {
		return nil, err
	}
	n := &node{sources: sources, since: time.Now(), failed: make(chan error, 4)}
	n.config.Store(config)
	n.level.Set(config.Log.Level.Level())
	n.log = newLogger(config.Log.Format, &n.level, logTo)
	n.certificate.now = time.Now
	if n.key, err = loadPublishKey(config); err != nil {
		return nil, err
	}
	if config.RTMPS.Listen != "" {
		if err := n.certificate.load(config); err != nil {
			return nil, err
		}
	}
	if err := n.openApplications(config); err != nil {
		return nil, err
	}
	n.front = overrtmp.NewServer(n.apps, frontConfig(config), n.log)
	n.rtmp = &rtmp.Server{Handler: n.front, TLSConfig: &tls.Config{GetCertificate: n.certificate.get}, Log: n.log}
	n.rtmp.Update(doorLimits(config.Limits))
	n.proxies = proxyHeaders{config: &n.config, server: n.rtmp, log: n.log}
	n.monitor = newMonitor(n)
	return n, nil
}

// doorLimits returns what sets the limits of an rtmp.Server.
func doorLimits(l configs.Limits) func(*rtmp.Server) {
	return func(s *rtmp.Server) {
		s.Limits = rtmp.Limits{MessageSize: int(l.Message), ChunkStreams: l.ChunkStreams, PendingBytes: int(l.PendingBytes)}
		s.HandshakeTimeout = l.HandshakeTime
		s.WriteTimeout = l.WriteTime
		s.MaxConns = l.Connections
		s.MaxConnsPerAddr = l.ConnectionsPerAddress
	}
}

// connConfig is what holds for clients whatever their transport.
func connConfig(c *configs.Config) netconn.Config {
	return netconn.Config{
		QuestionTimeout: c.Connect.Timeout,
		WaitingBytes:    int(c.Limits.PendingBytes),
		Streams:         c.Limits.StreamsPerConnection,
	}
}

func frontConfig(c *configs.Config) overrtmp.Config {
	l := c.Limits
	return overrtmp.Config{
		NetConn:                  connConfig(c),
		ChunkSize:                int(c.RTMP.ChunkSize),
		WindowSize:               uint32(c.RTMP.WindowSize),
		MessageSizeBeforePublish: int(l.MessageBeforePublish),
		MessageSize:              int(l.Message),
		ConnectTime:              l.ConnectTime,
		IdleTime:                 l.IdleTime,
		PingTimeout:              l.PingTimeout,
	}
}

// start listens and serves. All addresses are open when it returns, or none.
func (n *node) start() error {
	c := n.config.Load()
	n.warnDescriptors(c.Limits.Connections)
	for _, door := range []struct{ protocol, key, address string }{
		{"rtmp", "rtmp.listen", c.RTMP.Listen},
		{"rtmps", "rtmps.listen", c.RTMPS.Listen},
		{"http", "metrics.listen", c.Metrics.Listen},
	} {
		if door.address == "" {
			continue
		}
		l, err := listen(door.protocol, door.key, door.address)
		if err != nil {
			n.closeListeners()
			return err
		}
		n.listeners = append(n.listeners, l)
	}
	if c.RTMFP.Listen != "" {
		door, err := n.openRTMFP(c)
		if err != nil {
			n.closeListeners()
			return err
		}
		n.rtmfp = door
		n.log.Info("listening", "protocol", "rtmfp", "address", door.address.String())
		n.running.Go(func() { n.serveRTMFP(door) })
	}
	for _, l := range n.listeners {
		n.log.Info("listening", "protocol", l.protocol, "address", l.Addr().String())
		n.running.Go(func() { n.serve(l) })
	}
	n.apps.LoadOnStartup()
	return nil
}

func (n *node) closeListeners() {
	for _, open := range n.listeners {
		_ = open.Close()
	}
}

// serve serves at one address until the server ends.
func (n *node) serve(l listener) {
	var err error
	switch l.protocol {
	case "http":
		err = n.monitor.Serve(l.Listener)
	case "rtmps":
		doors := n.proxies.listen(l.Listener)
		err = n.rtmp.ServeTLS(doors, "", "")
		doors.wait()
	default:
		doors := n.proxies.listen(l.Listener)
		err = n.rtmp.Serve(doors)
		doors.wait()
	}
	if errors.Is(err, rtmp.ErrServerClosed) || errors.Is(err, http.ErrServerClosed) {
		return
	}
	n.log.Error("serving failed", "protocol", l.protocol, "address", l.Addr().String(), "error", err)
	n.failed <- fmt.Errorf("%s at %s: %w", l.protocol, l.Addr(), err)
}

// run serves until ctx ends or a listener fails, and reads the configuration again at each hangup.
func (n *node) run(ctx context.Context, hangup <-chan os.Signal) error {
	for {
		select {
		case <-ctx.Done():
			n.stop()
			return nil
		case err := <-n.failed:
			n.stop()
			return err
		case <-hangup:
			n.reload()
		}
	}
}

// retell is how often clients that come while the server goes are told.
const retell = 100 * time.Millisecond

// leastGrace is how long clients have even when shutdown.time gives them nothing: a connection that is closed while
// something from the client is unread is reset, and the client never sees what it was told.
const leastGrace = 200 * time.Millisecond

// stop tells the clients, gives them time to go, and ends everything.
func (n *node) stop() {
	limit := n.config.Load().Shutdown.Time
	n.draining.Store(true)
	n.log.Info("shutting down", "connections", n.connections(), "limit", limit)
	ctx, cancel := context.WithTimeout(context.Background(), max(limit, leastGrace))
	defer cancel()
	told := make(chan struct{})
	n.tell()
	go func() {
		defer close(told)
		for tick := time.Tick(retell); ; {
			select {
			case <-tick:
				n.tell()
			case <-ctx.Done():
				return
			}
		}
	}()
	drained := make(chan error, 1)
	go func() { drained <- n.rtmfp.drain(ctx) }()
	err := errors.Join(n.rtmp.Shutdown(ctx), <-drained)
	if err != nil {
		n.log.Warn("clients did not go in time", "connections", n.connections())
	}
	cancel()
	<-told
	_ = n.rtmp.Close()
	n.rtmfp.close()
	n.endApplications()
	_ = n.monitor.Close()
	n.running.Wait()
	n.log.Info("ended", "uptime", time.Since(n.since).Round(time.Millisecond))
}

// endApplications gives the scripts a last word.
func (n *node) endApplications() {
	const most = 10 * time.Second
	ctx, cancel := context.WithTimeout(context.Background(), most)
	defer cancel()
	n.closeApplications(ctx)
}

func (n *node) tell() {
	s := netconn.Status{Code: netconn.ConnectAppShutdown}
	n.front.Tell(s)
	if n.rtmfp != nil {
		n.rtmfp.front.Tell(s)
	}
}

// connections is how many there are, of any transport.
func (n *node) connections() int {
	count := n.rtmp.ActiveConns()
	if n.rtmfp != nil {
		count += n.rtmfp.front.Sessions()
	}
	return int(count)
}

// ownDescriptors is how many files the process needs beside its connections.
const ownDescriptors = 64

// warnDescriptors raises the limit on open files and says when it is below the limit on connections.
func (n *node) warnDescriptors(connections int) {
	most, err := raiseDescriptors()
	if err != nil {
		n.log.Warn("limit on open files not raised", "error", err)
	}
	if uint64(connections)+ownDescriptors > most {
		n.log.Warn("the limit on open files is below limits.connections: raise it with ulimit -n, or LimitNOFILE of systemd",
			"files", most, "limits.connections", connections)
	}
}

// addresses returns where what is served.
func (n *node) addresses() (out []healthAddress) {
	for _, l := range n.listeners {
		out = append(out, healthAddress{l.protocol, l.Addr().String()})
	}
	if n.rtmfp != nil {
		out = append(out, healthAddress{"rtmfp", n.rtmfp.address.String()})
	}
	return out
}

// addressOf returns where a protocol is served, "" when it is not.
func (n *node) addressOf(protocol string) string {
	for _, a := range n.addresses() {
		if a.Protocol == protocol {
			return a.Address
		}
	}
	return ""
}
