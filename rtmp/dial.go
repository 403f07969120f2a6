package rtmp

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"time"
)

// Dialer opens connections as a client. Its zero value is ready to use.
type Dialer struct {
	// Handshake is the form to use. The default, HandshakeDigest, falls back to what the server answers.
	Handshake Handshake
	// TLSConfig is used for rtmps; nil verifies the server against the system's roots.
	TLSConfig *tls.Config
	// Limits bound what the server can make the connection hold.
	Limits Limits
	// WriteTimeout is how long the server may take no byte while something waits for it. Default 20 s.
	WriteTimeout time.Duration
	// NetDial opens the connection beneath. Nil is net.Dialer's DialContext.
	NetDial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Dial connects to the host of an rtmp or rtmps URL and does the handshake, with the zero Dialer.
func Dial(ctx context.Context, rawURL string) (*Conn, error) {
	return new(Dialer).Dial(ctx, rawURL)
}

// Dial connects to the host of an rtmp or rtmps URL and does the handshake. ctx bounds both. The connect command is
// left to the caller.
func (d *Dialer) Dial(ctx context.Context, rawURL string) (*Conn, error) {
	u, err := ParseURL(rawURL)
	if err != nil {
		return nil, err
	}
	dial := d.NetDial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	nc, err := dial(ctx, "tcp", u.Host)
	if err != nil {
		return nil, err
	}
	if u.Scheme == "rtmps" {
		nc = tls.Client(&patientConn{Conn: nc}, d.tlsConfig(u))
	}
	c, err := d.client(ctx, nc)
	if err != nil {
		_ = nc.Close()
		return nil, fmt.Errorf("%s: %w", u.Host, err)
	}
	return c, nil
}

// NewConn does a client's handshake on a connection that is open already.
func (d *Dialer) NewConn(ctx context.Context, nc net.Conn) (*Conn, error) { return d.client(ctx, nc) }

func (d *Dialer) tlsConfig(u *URL) *tls.Config {
	config := &tls.Config{}
	if d.TLSConfig != nil {
		config = d.TLSConfig.Clone()
	}
	if config.ServerName == "" {
		config.ServerName, _, _ = net.SplitHostPort(u.Host)
	}
	return config
}

func (d *Dialer) client(ctx context.Context, nc net.Conn) (*Conn, error) {
	stop := context.AfterFunc(ctx, func() { _ = nc.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	c := newConn(nc, d.Limits, d.WriteTimeout)
	var err error
	c.handshake, err = clientHandshake(&c.in, nc, d.Handshake)
	// When it is too late to stop it, the deadline in the past spoils the connection.
	if !stop() {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	c.out.patience()
	return c, nil
}
