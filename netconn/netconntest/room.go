package netconntest

import (
	"afterglow/netconn"
	"afterglow/streams"
)

// Room is an application: one hub where everybody may do everything, except for what the fields say. They are set
// before the first client.
type Room struct {
	Hub    *streams.Hub
	Rights netconn.Rights
	// Delivery of media; by default here it waits for nothing and gives nothing up.
	Delivery   netconn.Delivery
	Connects   func(*netconn.Conn, netconn.ConnectRequest, *netconn.Reply[netconn.ConnectAnswer])
	Calls      func(*netconn.Conn, netconn.CallRequest, *netconn.Reply[netconn.CallAnswer])
	Introduces func(netconn.IntroduceRequest, *netconn.Reply[netconn.IntroduceAnswer])
	Moves      func(c *netconn.Conn, before netconn.Far)
	Shares     func(*netconn.Conn, *netconn.SharedObjectMessage)
	// Takes has a publisher take its name from whoever has it.
	Takes bool
	// Gone gets the clients that have disconnected.
	Gone chan *netconn.Conn
	// Came gets the clients that were accepted.
	Came chan *netconn.Conn
}

// Forever are the lifetimes of media that is never given up.
var Forever = netconn.Lifetimes{Audio: -1, Video: -1, PreviousGroup: -1}

// NewRoom makes a room with all rights.
func NewRoom() *Room {
	return &Room{
		Hub:      streams.NewHub(streams.Config{}),
		Rights:   netconn.AllRights,
		Delivery: netconn.Delivery{Mode: netconn.WriteOff, Lifetimes: Forever},
		Gone:     make(chan *netconn.Conn, 100),
		Came:     make(chan *netconn.Conn, 100),
	}
}

// Accept is the answer that lets a client in.
func (r *Room) Accept() netconn.ConnectAnswer {
	return netconn.ConnectAnswer{Rights: r.Rights, Delivery: r.Delivery}
}

// Connect asks Connects, or accepts.
func (r *Room) Connect(c *netconn.Conn, q netconn.ConnectRequest, reply *netconn.Reply[netconn.ConnectAnswer]) {
	if r.Connects != nil {
		r.Connects(c, q, reply)
		return
	}
	reply.Give(r.Accept())
	r.Came <- c
}

// Publish gives the name to who asks first, or last if Takes is set.
func (r *Room) Publish(c *netconn.Conn, q netconn.PublishRequest, reply *netconn.Reply[netconn.PublishAnswer]) {
	p, err := r.Hub.Publish(q.Name, streams.Claim{Owner: c, Evicted: q.Stream.Evict, Take: r.Takes})
	if err != nil {
		err = netconn.Status{Code: netconn.PublishBadName}
	}
	reply.Give(netconn.PublishAnswer{Publisher: p, Err: err})
}

// Play subscribes.
func (r *Room) Play(_ *netconn.Conn, q netconn.PlayRequest, reply *netconn.Reply[netconn.PlayAnswer]) {
	reply.Give(netconn.PlayAnswer{Subscriber: r.Hub.Subscribe(q.Name, streams.SubscribeOptions{})})
}

// Call asks Calls, or knows no method.
func (r *Room) Call(c *netconn.Conn, q netconn.CallRequest, reply *netconn.Reply[netconn.CallAnswer]) {
	if r.Calls != nil {
		r.Calls(c, q, reply)
		return
	}
	reply.Give(netconn.CallAnswer{Err: netconn.ErrNoMethod})
}

// Introduce asks Introduces, or permits.
func (r *Room) Introduce(q netconn.IntroduceRequest, reply *netconn.Reply[netconn.IntroduceAnswer]) {
	if r.Introduces != nil {
		r.Introduces(q, reply)
		return
	}
	reply.Give(netconn.IntroduceAnswer{})
}

// Moved tells Moves, if it is set.
func (r *Room) Moved(c *netconn.Conn, before netconn.Far) {
	if r.Moves != nil {
		r.Moves(c, before)
	}
}

// SharedObject tells Shares, if it is set.
func (r *Room) SharedObject(c *netconn.Conn, m *netconn.SharedObjectMessage) {
	if r.Shares != nil {
		r.Shares(c, m)
	}
}

// Published does nothing.
func (r *Room) Published(*netconn.Conn, netconn.PublishRequest) {}

// Unpublished does nothing.
func (r *Room) Unpublished(*netconn.Conn, string) {}

// Refused does nothing.
func (r *Room) Refused(*netconn.Conn, netconn.Status) {}

// Disconnected tells Gone.
func (r *Room) Disconnected(c *netconn.Conn, _ error) { r.Gone <- c }
