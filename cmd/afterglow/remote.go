package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"time"

	"afterglow/netconn"
	"afterglow/netconn/overrtmfp"
	"afterglow/netconn/overrtmp"
	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
	"afterglow/rtmp"
)

// remote is what publish and play have in common.
type remote struct {
	Insecure bool          `help:"Take any certificate of an rtmps server."`
	Plain    bool          `help:"Use the plain handshake of RTMP instead of the digest one."`
	AMF3     bool          `name:"amf3" help:"Ask for object encoding 3."`
	Classic  bool          `help:"Do not announce Enhanced RTMP."`
	Timeout  time.Duration `help:"How long connecting may take." default:"10s"`
	rtmfpOptions
}

// rtmfpOptions are those of RTMFP clients.
type rtmfpOptions struct {
	KeyLog string `name:"key-log" help:"Append the keys of RTMFP sessions to this file, for afterglow trace." placeholder:"FILE"`
	Local  string `help:"UDP address that RTMFP uses." default:":0" placeholder:"HOST:PORT"`
	Groups []int  `help:"Diffie-Hellman groups of the RTMFP keys, the preferred one first: 14 and 2, or for peers 2 alone, which is all that Flash, librtmfp and MonaServer2 know." placeholder:"GROUP"`
}

// identity makes one with keys in the groups asked for, or else in usual ones.
func (r rtmfpOptions) identity(usual ...flash.Group) (*flash.Identity, error) {
	groups := usual
	if len(r.Groups) > 0 {
		groups = nil
	}
	for _, g := range r.Groups {
		groups = append(groups, flash.Group(g))
	}
	return overrtmfp.NewIdentity(groups...)
}

// connection is a client of either transport.
type connection struct {
	*netconn.Client
	rtmfp *overrtmfp.Client // nil over RTMP
	ended <-chan struct{}   // closed when nothing of it is left
}

// leaveTime is how long a connection may take to end in good order.
const leaveTime = 6 * time.Second

// leave ends the connection and waits until the server knows, for a while.
func (c *connection) leave() {
	c.Close()
	select {
	case <-c.ended:
	case <-time.After(leaveTime):
	}
}

// connectOptions are those of the connect command.
func (r remote) connectOptions() netconn.ConnectOptions {
	o := netconn.ConnectOptions{ClassicOnly: r.Classic}
	if r.AMF3 {
		o.Encoding = netconn.AMF3
	}
	return o
}

// open connects to the URL's application and makes a NetStream for the stream that it names.
func (r remote) open(ctx context.Context, rawURL string, ce netconn.ClientEvents, se netconn.StreamEvents) (*connection, *netconn.ClientStream, string, error) {
	ctx, cancel := context.WithTimeout(ctx, r.Timeout)
	defer cancel()
	name, err := streamOf(rawURL)
	if err != nil {
		return nil, nil, "", err
	}
	c, err := r.connect(ctx, rawURL, ce)
	if err != nil {
		return nil, nil, "", err
	}
	stream, err := c.CreateStream(ctx, se)
	if err != nil {
		c.leave()
		return nil, nil, "", fmt.Errorf("createStream: %w", err)
	}
	return c, stream, name, nil
}

func isRTMFP(rawURL string) bool { return strings.HasPrefix(rawURL, "rtmfp:") }

// streamOf returns the stream that a URL of either transport names.
func streamOf(rawURL string) (string, error) {
	var name, scheme string
	if isRTMFP(rawURL) {
		u, err := overrtmfp.ParseURL(rawURL)
		if err != nil {
			return "", err
		}
		name, scheme = u.Stream, "rtmfp"
	} else {
		u, err := rtmp.ParseURL(rawURL)
		if err != nil {
			return "", err
		}
		name, scheme = u.Stream, "rtmp"
	}
	if name == "" {
		return "", fmt.Errorf("%s names no stream: write it as the last element, such as %s://host/live/NAME", rawURL, scheme)
	}
	return name, nil
}

// connect connects to the URL's application.
func (r remote) connect(ctx context.Context, rawURL string, e netconn.ClientEvents) (*connection, error) {
	if isRTMFP(rawURL) {
		return r.connectRTMFP(ctx, rawURL, overrtmfp.DialOptions{Connect: r.connectOptions(), Events: e})
	}
	o := overrtmp.DialOptions{Events: e, Connect: r.connectOptions()}
	if r.Plain {
		o.Dialer.Handshake = rtmp.HandshakePlain
	}
	if r.Insecure {
		o.Dialer.TLSConfig = &tls.Config{InsecureSkipVerify: true}
	}
	client, err := overrtmp.Dial(ctx, rawURL, o)
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", rawURL, err)
	}
	return &connection{Client: client, ended: client.Done()}, nil
}

// connectRTMFP connects over RTMFP, from sockets of its own.
func (r rtmfpOptions) connectRTMFP(ctx context.Context, rawURL string, o overrtmfp.DialOptions) (*connection, error) {
	if o.Identity == nil {
		identity, err := r.identity()
		if err != nil {
			return nil, fmt.Errorf("--groups: %w", err)
		}
		o.Identity = identity
	}
	o.Listen = rtmfp.Config{Crypto: flash.Profile{}, Addresses: []string{r.Local}}
	if r.KeyLog != "" {
		f, err := openKeyLog(r.KeyLog)
		if err != nil {
			return nil, err
		}
		o.Listen.KeyLog = func(line string) { fmt.Fprintln(f, line) } // the file is open until the process ends
	}
	client, err := overrtmfp.Dial(ctx, rawURL, o)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return nil, fmt.Errorf("connecting to %s: nobody answers there over RTMFP: see whether the server runs (rtmfp.listen) and lets UDP through", rawURL)
	case err != nil:
		return nil, fmt.Errorf("connecting to %s: %w", rawURL, err)
	}
	return &connection{Client: client.Client, rtmfp: client, ended: client.Ended()}, nil
}
