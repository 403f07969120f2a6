package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"time"

	"afterglow/amf"
	"afterglow/media"
	"afterglow/netconn"
	"afterglow/netconn/overrtmfp"
	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
)

// PeerCmd streams from client to client; the server only introduces them.
type PeerCmd struct {
	Publish PeerPublishCmd `cmd:"" help:"Let other clients play an FLV file directly from here."`
	Play    PeerPlayCmd    `cmd:"" help:"Play what another client publishes directly."`
}

// Help is shown by afterglow peer --help.
func (PeerCmd) Help() string {
	return `Example, on two machines:
  afterglow peer publish film.flv rtmfp://example.org/live/film        prints its peer ID
  afterglow peer play rtmfp://example.org/live/film --peer PEERID -o film.flv

The server introduces the two, and carries nothing of the stream.`
}

// PeerPublishCmd publishes an FLV file directly.
type PeerPublishCmd struct {
	input
	URL     string        `arg:"" name:"url" help:"The server that introduces, and the stream's name: rtmfp://HOST/APP/NAME."`
	Peers   int           `help:"How many peers may play at a time." default:"8"`
	Wait    bool          `help:"Begin when the first peer plays."`
	Linger  time.Duration `help:"How long peers have at the end to get the rest." default:"3s"`
	Timeout time.Duration `help:"How long connecting may take." default:"10s"`
	rtmfpOptions
}

// Help is shown by afterglow peer publish --help.
func (PeerPublishCmd) Help() string {
	return `Examples:
  afterglow peer publish film.flv rtmfp://example.org/live/film --loop
  afterglow peer publish film.flv rtmfp://example.org/live/film --wait

The peer ID that it prints is what players need.`
}

// Run publishes until the file or ctx ends.
func (c *PeerPublishCmd) Run(ctx context.Context) error {
	in, err := c.open()
	if err != nil {
		return err
	}
	defer in.Close()
	name, err := streamOf(c.URL)
	if err != nil {
		return err
	}
	client, err := c.dial(ctx, c.URL, c.Timeout, c.Peers)
	if err != nil {
		return err
	}
	defer func() {
		client.Close()
		<-client.Ended()
	}()
	players := make(chan struct{}, 1)
	published, err := client.PublishDirect(name, overrtmfp.DirectOptions{Accept: func(peer rtmfp.PeerID) bool {
		fmt.Fprintf(os.Stderr, "\npeer %v plays\n", peer)
		select {
		case players <- struct{}{}:
		default:
		}
		return true
	}})
	if err != nil {
		return err
	}
	fmt.Printf("peer ID %v\n", client.PeerID())
	if c.Wait {
		select {
		case <-players:
		case <-ctx.Done():
			return nil
		case <-client.Done():
			return client.Err()
		}
	}
	sending, stop := context.WithCancel(ctx)
	defer stop()
	context.AfterFunc(sending, published.Close)
	go func() {
		select {
		case <-client.Done():
			stop()
		case <-sending.Done():
		}
	}()
	err = c.send(sending, in, name, func(_ context.Context, p *media.Packet) error { return writeDirect(published, p) })
	if gone := client.Err(); gone != nil && ctx.Err() == nil {
		return fmt.Errorf("the server that introduces has gone, and direct streams with it: %w", gone)
	}
	published.Close()
	c.linger(ctx, client, published)
	return err
}

// linger gives players time to get what was published last.
func (c *PeerPublishCmd) linger(ctx context.Context, client *overrtmfp.Client, published *overrtmfp.DirectPublisher) {
	if published.Players() == 0 {
		return
	}
	select {
	case <-time.After(c.Linger):
	case <-ctx.Done():
	case <-client.Done():
	}
}

// writeDirect publishes a packet, and keeps the metadata for peers that join later.
func writeDirect(d *overrtmfp.DirectPublisher, p *media.Packet) error {
	const handler = "onMetaData"
	if p.Kind == media.KindData && !p.DataIsAMF3 {
		if values, err := amf.Decode0(p.Payload, nil); err == nil && len(values) > 0 && values[0] == handler {
			return d.SetData(handler, p)
		}
	}
	return d.Write(p)
}

// PeerPlayCmd plays from a peer.
type PeerPlayCmd struct {
	URL     string        `arg:"" name:"url" help:"The server that introduces, and the stream's name: rtmfp://HOST/APP/NAME."`
	Peer    string        `required:"" help:"The publisher's peer ID, 64 hexadecimal digits." placeholder:"PEERID"`
	Timeout time.Duration `help:"How long connecting to the server, and then to the peer, may take." default:"20s"`
	recording
	rtmfpOptions
}

// Help is shown by afterglow peer play --help.
func (PeerPlayCmd) Help() string {
	return `Example:
  afterglow peer play rtmfp://example.org/live/film --peer 6a15...fba1 -o film.flv -t 10s`
}

// Run plays until the stream, the duration or ctx ends.
func (c *PeerPlayCmd) Run(ctx context.Context) error {
	peer, err := parsePeerID(c.Peer)
	if err != nil {
		return err
	}
	name, err := streamOf(c.URL)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	p := newRecorder(&c.recording, c.URL, cancel)
	client, err := c.dial(ctx, c.URL, c.Timeout, 0)
	if err != nil {
		return err
	}
	defer func() {
		client.Close()
		<-client.Ended()
	}()
	pctx, stop := context.WithTimeout(ctx, c.Timeout)
	defer stop()
	if err := p.create(); err != nil {
		return err
	}
	stream, err := client.PlayDirect(pctx, peer, name, netconn.StreamEvents{Packet: p.packet, Status: p.status})
	if errors.Is(err, context.DeadlineExceeded) {
		err = errors.New("the peer does not answer, or the server knows no such peer")
	}
	if err != nil {
		return errors.Join(fmt.Errorf("playing %s from its publisher: %w", name, err), p.close())
	}
	p.watch(ctx, stream.Done())
	cause := context.Cause(ctx)
	_ = stream.Close()
	return p.result(cause, name, stream.Err())
}

func parsePeerID(text string) (id rtmfp.PeerID, err error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(id) {
		return id, fmt.Errorf("%q is no peer ID: it has 64 hexadecimal digits; afterglow peer publish prints its own", text)
	}
	return rtmfp.PeerID(b), nil
}

// dial connects to the application of a URL.
func (o rtmfpOptions) dial(ctx context.Context, rawURL string, limit time.Duration, peers int) (*overrtmfp.Client, error) {
	if !isRTMFP(rawURL) {
		return nil, fmt.Errorf("%s: peers are introduced over RTMFP only: write rtmfp://", rawURL)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	identity, err := o.identity(flash.Group2)
	if err != nil {
		return nil, fmt.Errorf("--groups: %w", err)
	}
	c, err := o.connectRTMFP(ctx, rawURL, overrtmfp.DialOptions{Identity: identity, PeerConnections: peers})
	if err != nil {
		return nil, err
	}
	return c.rtmfp, nil
}
