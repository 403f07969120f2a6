package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"afterglow/apps"
	"afterglow/configs"
	"afterglow/netconn"
	"afterglow/netconn/overrtmfp"
	"afterglow/netconn/overrtmp"
	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
	"afterglow/scripting"
	"afterglow/sharedobjects"
)

// openApplications makes the server of applications, with their scripts and the store of their shared objects.
func (n *node) openApplications(c *configs.Config) error {
	store, err := sharedobjects.Open(filepath.Join(c.Data.Dir, "sharedobjects.db"), sharedobjects.Options{
		CommitInterval: c.SharedObjects.CommitInterval,
		Log:            n.log,
	})
	if err != nil {
		return fmt.Errorf("shared objects: %w", err)
	}
	n.objects = store
	n.openWorkers(c)
	scripts := newScripts()
	code := func(name string) apps.Application { return n.codeOf(name, scripts.Application) }
	n.apps = apps.NewServer(apps.Options{Config: c, Key: n.key.value, Log: n.log, SharedObjects: store, Code: code})
	return nil
}

// newScripts says what scripts may reach.
func newScripts() *scripting.Scripts {
	return scripting.New(scripting.Options{
		Dial:     dialForScripts,
		HTTP:     &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, MaxIdleConns: 100, IdleConnTimeout: time.Minute}},
		Socket:   socketForScripts,
		Version:  serverVersion(),
		Hostname: hostname(),
	})
}

// closeApplications stops all instances, and stores their shared objects.
func (n *node) closeApplications(ctx context.Context) {
	if err := n.apps.Close(ctx); err != nil {
		n.log.Warn("an application did not stop in time", "error", err)
	}
	if err := n.workers.Close(ctx); err != nil {
		n.log.Warn("an application did not stop in time", "error", err)
	}
	if err := n.objects.Close(); err != nil {
		n.log.Error("shared objects not stored", "error", err)
	}
}

// scriptConnectTime is how long a script's NetConnection may take to connect.
const scriptConnectTime = 30 * time.Second

// dialForScripts connects a script's NetConnection: the whole path of the URL names application and instance, since its
// streams are named later.
func dialForScripts(ctx context.Context, rawURL string, o netconn.ConnectOptions, e netconn.ClientEvents) (*netconn.Client, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, scriptConnectTime)
	defer cancel()
	o.App = strings.Trim(u.EscapedPath(), "/")
	if u.RawQuery != "" {
		o.App += "?" + u.RawQuery
	}
	o.TCURL = rawURL
	if u.Scheme != "rtmfp" {
		return overrtmp.Dial(ctx, rawURL, overrtmp.DialOptions{Connect: o, Events: e})
	}
	identity, err := overrtmfp.NewIdentity()
	if err != nil {
		return nil, err
	}
	client, err := overrtmfp.Dial(ctx, rawURL, overrtmfp.DialOptions{Connect: o, Events: e, Identity: identity,
		Listen: rtmfp.Config{Crypto: flash.Profile{}, Addresses: []string{":0"}}})
	if err != nil {
		return nil, err
	}
	return client.Client, nil
}

// socketForScripts connects a script's XMLSocket.
func socketForScripts(ctx context.Context, network, address string) (io.ReadWriteCloser, error) {
	d := net.Dialer{Timeout: scriptConnectTime}
	return d.DialContext(ctx, network, address)
}

// serverVersion is what scripts and clients are told of the build.
func serverVersion() string { return "Afterglow/" + strings.Trim(currentBuild().Version, "()") }

// hostname is the machine's name, as scripts see it.
func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return "localhost"
	}
	return name
}
