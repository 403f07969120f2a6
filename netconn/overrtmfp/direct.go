package overrtmfp

import (
	"context"
	"errors"
	"sync"

	"afterglow/media"
	"afterglow/netconn"
	"afterglow/rtmfp"
	"afterglow/streams"
)

// ErrPublished says that the client publishes directly under that name already.
var ErrPublished = errors.New("published directly already")

// DirectOptions say how a client publishes to its peers.
type DirectOptions struct {
	// Accept is asked for each peer that wants to play, onPeerConnect in Flash, on a goroutine of its own. Default: everybody may.
	Accept func(peer rtmfp.PeerID) bool
	// Lifetimes of what is published. Zero fields are those of the client.
	Lifetimes netconn.Lifetimes
	// Streams says how much is kept for peers that join.
	Streams streams.Config
}

// DirectPublisher is a stream that the client's peers may play, without the server (NetStream.DIRECT_CONNECTIONS; RFC 7425 5.4).
type DirectPublisher struct {
	name      string
	options   DirectOptions
	peers     *peers
	hub       *streams.Hub
	publisher *streams.Publisher
	closing   sync.Once
}

// PublishDirect lets peers play what is written, from the newest keyframe on. Nothing is sent to the server for it. It fails with
// ErrPublished.
func (c *Client) PublishDirect(name string, o DirectOptions) (*DirectPublisher, error) {
	p := &c.peers
	d := &DirectPublisher{name: name, options: o, peers: p, hub: streams.NewHub(o.Streams)}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone {
		return nil, errNotConnected
	}
	if p.publishers[name] != nil {
		return nil, ErrPublished
	}
	publisher, err := d.hub.Publish(name, streams.Claim{})
	if err != nil {
		return nil, err
	}
	d.publisher = publisher
	p.publishers[name] = d
	return d, nil
}

// Write publishes a packet. It never waits: a peer that is too slow misses some. It fails with streams.ErrUnpublished after Close, and
// when the client's connection has ended.
func (d *DirectPublisher) Write(m *media.Packet) error { return d.publisher.Write(m) }

// SetData publishes a data message that peers who join later get, too.
func (d *DirectPublisher) SetData(handler string, m *media.Packet) error {
	return d.publisher.SetData(handler, m)
}

// Players returns how many peers play.
func (d *DirectPublisher) Players() int { return int(d.hub.Stats().Subscribers.Load()) }

// Close ends the stream. Peers are told behind what is queued for them.
func (d *DirectPublisher) Close() {
	d.closing.Do(func() {
		d.peers.mu.Lock()
		delete(d.peers.publishers, d.name)
		d.peers.mu.Unlock()
		d.publisher.Close()
	})
}

// directServer answers the plays of one peer.
type directServer struct {
	peers *peers
	link  *link
}

// serveDirect makes the publisher's end of a direct stream.
func serveDirect(p *peers, l *link) {
	l.end = netconn.NewDirectConn(l, &directServer{p, l}, l.own, netconn.Config{})
}

func (p *peers) publisher(name string) *DirectPublisher {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.publishers[name]
}

// subscribe lets a peer have a stream, unless that has ended since: then nobody would tell the peer.
func (d *DirectPublisher) subscribe() *streams.Subscriber {
	d.peers.mu.Lock()
	defer d.peers.mu.Unlock()
	if d.peers.publishers[d.name] != d {
		return nil
	}
	return d.hub.Subscribe(d.name, streams.SubscribeOptions{})
}

var errNotDirect = errors.New("peers only play")

// Play lets a peer have a stream that is published directly. A peer that is turned away sees its flow rejected (RFC 7425
// 5.4.3).
func (s *directServer) Play(c *netconn.Conn, r netconn.PlayRequest, reply *netconn.Reply[netconn.PlayAnswer]) {
	d := s.peers.publisher(r.Name)
	switch {
	case d == nil:
		reply.Give(netconn.PlayAnswer{Err: notFound(r.Name)})
	case d.options.Accept == nil:
		reply.Give(d.admit(c))
	default:
		go s.ask(c, d, s.link.session.PeerID(), reply)
	}
}

func notFound(name string) error {
	return netconn.Status{Code: netconn.PlayStreamNotFound, Details: name}
}

// ask asks the publisher whether it wants the peer.
func (s *directServer) ask(c *netconn.Conn, d *DirectPublisher, peer rtmfp.PeerID, reply *netconn.Reply[netconn.PlayAnswer]) {
	if !d.options.Accept(peer) {
		reply.Give(netconn.PlayAnswer{Err: netconn.Status{Code: netconn.PlayFailed, Details: d.name}})
		s.link.post(func() { s.link.abort(errRefused) })
		return
	}
	if a := d.admit(c); !reply.Give(a) && a.Subscriber != nil {
		a.Subscriber.Close()
	}
}

// admit is the answer to a peer that may play.
func (d *DirectPublisher) admit(c *netconn.Conn) netconn.PlayAnswer {
	subscriber := d.subscribe()
	if subscriber == nil {
		return netconn.PlayAnswer{Err: notFound(d.name)}
	}
	c.SetDelivery(netconn.Delivery{Mode: netconn.WriteOff, Lifetimes: d.options.Lifetimes})
	return netconn.PlayAnswer{Subscriber: subscriber}
}

var errRefused = netconn.Status{Code: netconn.PlayFailed, Description: "The publisher has refused the peer."}

// Connect, Publish, Call and Introduce are refused: a peer does none of that.
func (*directServer) Connect(_ *netconn.Conn, _ netconn.ConnectRequest, reply *netconn.Reply[netconn.ConnectAnswer]) {
	reply.Give(netconn.ConnectAnswer{Err: errNotDirect})
}

func (*directServer) Publish(_ *netconn.Conn, _ netconn.PublishRequest, reply *netconn.Reply[netconn.PublishAnswer]) {
	reply.Give(netconn.PublishAnswer{Err: errNotDirect})
}

func (*directServer) Call(_ *netconn.Conn, _ netconn.CallRequest, reply *netconn.Reply[netconn.CallAnswer]) {
	reply.Give(netconn.CallAnswer{Err: errNotDirect})
}

func (*directServer) Introduce(_ netconn.IntroduceRequest, reply *netconn.Reply[netconn.IntroduceAnswer]) {
	reply.Give(netconn.IntroduceAnswer{Err: errNotDirect})
}

func (*directServer) Moved(*netconn.Conn, netconn.Far)  {}
func (*directServer) Unpublished(*netconn.Conn, string) {}

// SharedObject and Published have nothing to tell: a direct stream has no shared objects, and its far end publishes nothing.
func (*directServer) SharedObject(*netconn.Conn, *netconn.SharedObjectMessage) {}
func (*directServer) Published(*netconn.Conn, netconn.PublishRequest)          {}
func (*directServer) Refused(*netconn.Conn, netconn.Status)                    {}
func (*directServer) Disconnected(*netconn.Conn, error)                        {}

// DirectStream is what a peer publishes, as the client plays it.
type DirectStream struct {
	*netconn.ClientStream
	client *netconn.Client
}

// PlayDirect plays what a peer publishes directly under a name, and waits until it begins (RFC 7425 5.4.1). The server introduces
// the two, unless they have a session already. It fails with what rtmfp.Endpoint.Dial does, or with the peer's Status; that the
// peer refuses is ErrHungUp.
func (c *Client) PlayDirect(ctx context.Context, peer rtmfp.PeerID, name string, e netconn.StreamEvents) (*DirectStream, error) {
	q, err := c.peers.session(ctx, peer)
	if err != nil {
		return nil, err
	}
	d := &DirectStream{}
	began := make(chan error, 1)
	if q.session == nil || !q.session.Do(func() { began <- q.begins(d, c.peers.nextStream(), e) }) {
		return nil, errNotConnected
	}
	if err := <-began; err != nil {
		return nil, err
	}
	if err := d.ClientStream.PlayDirect(ctx, name); err != nil {
		d.client.Close()
		return nil, err
	}
	return d, nil
}

// begins makes the subscriber's end of a direct stream. The session may have ended.
func (q *peerSession) begins(d *DirectStream, id uint32, e netconn.StreamEvents) (err error) {
	if !q.session.IsOpen() {
		return errNotConnected
	}
	l := newLink(q.peers.client.station, q.session, id)
	l.subscriber, l.trusting = true, true
	d.client = netconn.NewClient(l, netconn.ClientEvents{})
	l.end = d.client
	q.add(l)
	d.ClientStream, err = d.client.AdoptStream(id, e)
	return err
}

// Done is closed when the stream has ended; Err then says why.
func (d *DirectStream) Done() <-chan struct{} { return d.client.Done() }

// Err returns why the stream has ended, nil while it lasts.
func (d *DirectStream) Err() error { return d.client.Err() }

// Far describes the peer.
func (d *DirectStream) Far() netconn.Far { return d.client.Far() }

// Close stops playing.
func (d *DirectStream) Close() error {
	err := d.Send("closeStream")
	d.client.Close()
	return err
}
