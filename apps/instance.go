package apps

import (
	"log/slog"
	"sync"
	"sync/atomic"

	"afterglow/configs"
	"afterglow/streams"
)

// Instance is one instance of an application: its clients and its streams.
type Instance struct {
	app     *application
	name    string
	hub     *streams.Hub
	clients map[*Client]struct{} // guarded by server.mu

	starting sync.Once
	err      error // why it did not start; set by start
}

// start has the application start the instance, once, and returns why it could not.
func (i *Instance) start() error {
	i.starting.Do(func() { i.err = i.app.code.Start(i) })
	return i.err
}

// application is an application that has been found, with the instances that it has now.
type application struct {
	server    *Server
	name      string
	code      Application
	config    atomic.Pointer[configs.Application]
	instances map[string]*Instance // guarded by server.mu
	clients   int                  // guarded by server.mu
}

// Name returns the application's and the instance's name with a slash between them.
func (i *Instance) Name() string { return i.app.name + "/" + i.name }

// Hub returns the instance's streams.
func (i *Instance) Hub() *streams.Hub { return i.hub }

func (i *Instance) settings() *configs.Application { return i.app.config.Load() }

// key is what publishers have to show: the application's own, or the server's.
func (i *Instance) key() string {
	if k := i.settings().Publish.Key; k != "" {
		return k
	}
	return *i.app.server.key.Load()
}

func (i *Instance) log() *slog.Logger {
	return i.app.server.log.With("app", i.Name())
}

func hubConfig(p configs.Play) streams.Config {
	return streams.Config{NoGOPCache: !p.GOPCache, CacheBytes: int(p.GOPCacheBytes), MaxLag: p.MaxLag}
}
