package apps

import (
	"errors"

	"afterglow/configs"
	"afterglow/netconn"
)

// Why somebody is not introduced to a peer.
var (
	errStranger      = errors.New("neither of them is connected")
	errNobody        = errors.New("the application introduces nobody (peers.introduce: nobody)")
	errNotConnected  = errors.New("who asks is not connected to this server")
	errPeerNotLetIn  = errors.New("the peer that is sought has not been let in")
	errOtherInstance = errors.New("who asks and the peer that is sought are not in the same instance (peers.introduce: application)")
)

// MayIntroduce says whether the configuration lets somebody be introduced to a peer (peers.introduce). It returns nil, or
// why not. Nobody but clients that were let in is introduced, and to nobody else.
func (i *Instance) MayIntroduce(r netconn.IntroduceRequest) error {
	rule := i.settings().Peers.Introduce
	from, to := instanceOf(r.From), instanceOf(r.To)
	switch {
	case rule == configs.IntroduceNobody:
		return errNobody
	case from == nil:
		return errNotConnected
	case r.To != nil && to == nil:
		return errPeerNotLetIn
	case rule == configs.IntroduceApplication && (from != i || to != i):
		return errOtherInstance
	}
	return nil
}

// instanceOf returns where an accepted client is, nil for others.
func instanceOf(conn *netconn.Conn) *Instance {
	if conn == nil {
		return nil
	}
	c := client(conn)
	if c == nil || c.state.Load() != accepted {
		return nil
	}
	return c.instance
}
