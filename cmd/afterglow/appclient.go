package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"

	"afterglow/amf"
	"afterglow/netconn"
	"afterglow/netconn/overrtmfp"
	"afterglow/netconn/overrtmp"
	"afterglow/rtmp"
)

// appClient connects to an application rather than to a stream: the whole path of its URL is application and instance.
type appClient struct {
	ConnectArgs []string `name:"connect-arg" help:"An argument for the application's onConnect. May be repeated." placeholder:"VALUE" sep:"none"`
	JSON        bool     `name:"json" help:"Print JSON, an object on each line."`
	remote
}

// dial connects.
func (a appClient) dial(ctx context.Context, rawURL string, e netconn.ClientEvents) (*connection, error) {
	o := a.connectOptions()
	var err error
	if o.Args, err = parseValues(a.ConnectArgs); err != nil {
		return nil, fmt.Errorf("--connect-arg: %w", err)
	}
	if o.App, o.TCURL, err = applicationOf(rawURL); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, a.Timeout)
	defer cancel()
	if isRTMFP(rawURL) {
		c, err := a.connectRTMFP(ctx, rawURL, overrtmfp.DialOptions{Connect: o, Events: e})
		return c, explained(err)
	}
	d := overrtmp.DialOptions{Connect: o, Events: e}
	if a.Plain {
		d.Dialer.Handshake = rtmp.HandshakePlain
	}
	if a.Insecure {
		d.Dialer.TLSConfig = &tls.Config{InsecureSkipVerify: true}
	}
	client, err := overrtmp.Dial(ctx, rawURL, d)
	if err != nil {
		return nil, explained(fmt.Errorf("connecting to %s: %w", rawURL, err))
	}
	return &connection{Client: client, ended: client.Done()}, nil
}

// applicationOf returns what connect says for a URL: application, instance and query, and the URL of them.
func applicationOf(rawURL string) (app, tcURL string, err error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return "", "", err
	}
	app = strings.Trim(u.EscapedPath(), "/")
	if app == "" {
		return "", "", fmt.Errorf("%s names no application: write rtmp://host/APPLICATION or rtmp://host/APPLICATION/INSTANCE", rawURL)
	}
	if u.RawQuery != "" {
		app += "?" + u.RawQuery
	}
	return app, u.Scheme + "://" + u.Host + "/" + app, nil
}

// explained adds to a status what else it says.
func explained(err error) error {
	var s netconn.Status
	if !errors.As(err, &s) || len(s.Extra) == 0 {
		return err
	}
	return fmt.Errorf("%w %s", err, amf.Format(amf.NewObject(s.Extra...)))
}

// feed takes what the transport's reader tells to whoever prints it: the reader must not wait for a terminal.
type feed[T any] struct {
	mu    sync.Mutex
	items []T
	lost  bool
	more  chan struct{}
}

// mostFed is how many items may wait; a server that tells more than can be printed has to be left.
const mostFed = 1 << 16

var errFlooded = errors.New("the server tells more than can be printed")

func newFeed[T any]() *feed[T] { return &feed[T]{more: make(chan struct{}, 1)} }

func (f *feed[T]) add(items ...T) {
	f.mu.Lock()
	if len(f.items)+len(items) > mostFed {
		f.lost = true
	} else {
		f.items = append(f.items, items...)
	}
	f.mu.Unlock()
	select {
	case f.more <- struct{}{}:
	default:
	}
}

// take returns what waits.
func (f *feed[T]) take() ([]T, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	items := f.items
	f.items = nil
	if f.lost {
		return items, errFlooded
	}
	return items, nil
}
