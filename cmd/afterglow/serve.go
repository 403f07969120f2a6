package main

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"

	"afterglow/apps"
	"afterglow/configs"
	"afterglow/netconn"
	"afterglow/netconn/overrtmp"
	"afterglow/rtmp"
)

// ServeCmd runs the server.
type ServeCmd struct {
	Config string   `help:"Configuration file. Default: ./afterglow.yaml if it is there." placeholder:"FILE" type:"path"`
	Set    []string `help:"Set a key of the configuration, such as --set rtmp.listen=127.0.0.1:0." placeholder:"KEY=VALUE" sep:"none"`
}

// Help is shown by afterglow serve --help.
func (ServeCmd) Help() string {
	return `Examples:
  afterglow serve
  afterglow serve --set rtmp.listen=:1936 --set play.write.mode=off
  AFTERGLOW_LOG_LEVEL=debug afterglow serve --config /etc/afterglow.yaml

SIGHUP reads the configuration again; SIGTERM tells the clients and ends.`
}

// Run serves until ctx ends.
func (c *ServeCmd) Run(ctx context.Context) error {
	sources := configs.Sources{File: c.Config, Env: os.Environ(), Set: c.Set}
	config, err := configs.Load(sources)
	if err != nil {
		return err
	}
	n, err := newNode(config, os.Stderr)
	if err != nil {
		return err
	}
	if err := n.start(); err != nil {
		return err
	}
	<-ctx.Done()
	return n.stop()
}

// node is a running server and everything in it.
type node struct {
	config *configs.Config
	log    *slog.Logger
	apps   *apps.Server
	front  *overrtmp.Server
	rtmp   *rtmp.Server
	addr   net.Addr
	failed chan error
}

func newLogger(c configs.Log, w *os.File) *slog.Logger {
	o := &slog.HandlerOptions{Level: c.Level}
	if c.Format == configs.FormatJSON {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

func newNode(config *configs.Config, logTo *os.File) (*node, error) {
	n := &node{config: config, log: newLogger(config.Log, logTo), failed: make(chan error, 2)}
	key, made, err := publishKey(config)
	if err != nil {
		return nil, err
	}
	if made {
		n.announceKey(key)
	}
	n.apps = apps.NewServer(apps.Options{Config: config, Key: key, Log: n.log})
	n.front = overrtmp.NewServer(n.apps, frontConfig(config), n.log)
	l := config.Limits
	n.rtmp = &rtmp.Server{
		Handler:          n.front,
		Limits:           rtmp.Limits{MessageSize: int(l.Message), ChunkStreams: l.ChunkStreams, PendingBytes: int(l.PendingBytes)},
		HandshakeTimeout: l.HandshakeTime,
		WriteTimeout:     l.WriteTime,
		MaxConns:         l.Connections,
		MaxConnsPerAddr:  l.ConnectionsPerAddress,
		Log:              n.log,
	}
	return n, nil
}

func frontConfig(c *configs.Config) overrtmp.Config {
	l := c.Limits
	return overrtmp.Config{
		NetConn: netconn.Config{
			QuestionTimeout: c.Connect.Timeout,
			WaitingBytes:    int(l.PendingBytes),
			Streams:         l.StreamsPerConnection,
		},
		ChunkSize:                int(c.RTMP.ChunkSize),
		WindowSize:               uint32(c.RTMP.WindowSize),
		MessageSizeBeforePublish: int(l.MessageBeforePublish),
		MessageSize:              int(l.Message),
		ConnectTime:              l.ConnectTime,
		IdleTime:                 l.IdleTime,
		PingTimeout:              l.PingTimeout,
	}
}

func (n *node) start() error {
	if n.config.RTMP.Listen != "" {
		l, err := net.Listen("tcp", n.config.RTMP.Listen)
		if err != nil {
			return fmt.Errorf("rtmp.listen: %w", err)
		}
		n.addr = l.Addr()
		n.log.Info("listening", "protocol", "rtmp", "address", l.Addr().String())
		go n.serve(func() error { return n.rtmp.Serve(l) })
	}
	return nil
}

func (n *node) serve(f func() error) {
	if err := f(); err != nil && !errors.Is(err, rtmp.ErrServerClosed) {
		n.log.Error("serving failed", "error", err)
		n.failed <- err
	}
}

// stop tells the clients, gives them time to go, and ends.
func (n *node) stop() error {
	n.log.Info("shutting down", "clients", n.front.Sessions(), "limit", n.config.Shutdown.Time)
	n.rtmp.RegisterOnShutdown(func() { n.front.Tell(netconn.Status{Code: netconn.ConnectAppShutdown}) })
	ctx, cancel := context.WithTimeout(context.Background(), n.config.Shutdown.Time)
	defer cancel()
	if err := n.rtmp.Shutdown(ctx); err != nil {
		n.log.Warn("clients did not go in time", "clients", n.front.Sessions())
	}
	return n.rtmp.Close()
}

// keyFile is where the key that the first start makes is kept, under data.dir.
const keyFile = "publish.key"

// publishKey returns the key that publishers must show: the configuration's, the kept one, or a new one.
func publishKey(c *configs.Config) (key string, made bool, err error) {
	if c.Publish.Key != "" {
		return c.Publish.Key, false, nil
	}
	path := filepath.Join(c.Data.Dir, keyFile)
	b, err := os.ReadFile(path)
	if key = strings.TrimSpace(string(b)); err == nil && key != "" {
		return key, false, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", false, err
	}
	var raw [15]byte
	rand.Read(raw[:])
	key = strings.ToLower(base32.StdEncoding.EncodeToString(raw[:]))
	if err := os.MkdirAll(c.Data.Dir, 0o755); err != nil {
		return "", false, fmt.Errorf("data.dir: %w", err)
	}
	return key, true, os.WriteFile(path, []byte(key+"\n"), 0o600)
}

// announceKey prints what a publisher on another machine must fill in.
func (n *node) announceKey(key string) {
	fmt.Fprintf(os.Stderr, "\nPublishing from another machine needs a key, made just now and kept in %s.\n"+
		"  OBS: Settings, Stream, Custom:  Server rtmp://THIS-HOST/live   Stream Key NAME?key=%s\n\n",
		filepath.Join(n.config.Data.Dir, keyFile), key)
}

