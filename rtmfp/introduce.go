package rtmfp

import (
	"net/netip"
	"slices"
	"time"

	"afterglow/rtmfp/wire"
)

// Introducer is asked about hellos that seek somebody else: it makes a core a redirector and forwarder (RFC 7016 3.5.1.4 to 3.5.1.6).
type Introducer interface {
	// Introduce is called on the owner of the core. The question is answered by its methods, now or later, from the owner too;
	// one that is never answered is silence, which is an answer.
	Introduce(*Introduction)
}

// introductionLife is how long a question stays open: an initiator does not try longer.
const introductionLife = 95 * time.Second

// Introduction is the question whether an initiator may be introduced to whom it seeks.
type Introduction struct {
	// Hello is what the initiator asks. Its slices stay valid.
	Hello

	core  *Core
	tag   []byte
	also  []netip.AddrPort // where else the initiator may be
	until Instant
	done  bool
}

// maxAlso is how many addresses of an initiator a peer is told of besides the one at which it is seen.
const maxAlso = 4

// Tag is what the initiator recognises answers by.
func (i *Introduction) Tag() []byte { return i.tag }

// Core is the core that asks.
func (i *Introduction) Core() *Core { return i.core }

// AlsoAt names addresses by which the initiator says it can be reached, beside the one at which it is seen: the peer that To or Forward
// tells of it answers there, too, which helps where both are behind the same NAT. Each goes in an FIHello of its own (RFC 7016
// 3.5.1.6) and counts for Limits.ForwardedHellos. More than four are passed over, and so is the address at which it is seen.
func (i *Introduction) AlsoAt(addresses ...netip.AddrPort) {
	for _, a := range addresses {
		if len(i.also) == maxAlso {
			return
		}
		if a.IsValid() && a != i.From.Addr && !slices.Contains(i.also, a) {
			i.also = append(i.also, a)
		}
	}
}

// Redirect tells the initiator addresses to try, and ends the question.
func (i *Introduction) Redirect(to ...wire.Address) {
	if i.settle() && len(to) > 0 {
		i.core.sendRedirect(i.From, i.tag, to)
	}
}

// To introduces the initiator to a peer that has a session with the endpoint, and ends the question: that one is told of the
// initiator's address (RFC 7016 2.3.3), the initiator of its address as we see it, and of others that are known. A peer that
// has no session is silence.
func (i *Introduction) To(peer PeerID, others ...wire.Address) {
	if !i.settle() {
		return
	}
	c, w := i.core, i.wanted()
	if s := c.Peer(peer); s != nil {
		c.introduceTo(s, w, others)
		return
	}
	if shard, ok := c.shardOfPeer(peer); ok {
		others = slices.Clone(others)
		c.group.send(shard, func(other *Core) { other.introduceTo(other.Peer(peer), w, others) })
	}
}

// Forward tells the far end of a session of the initiator (RFC 7016 2.3.3), which it then answers itself; so the NATs before both
// open. It is for redirectors that name several peers at once: it goes beside Redirect, before or after it, and neither needs nor
// ends the question. The session may belong to any core of the endpoint. One that is not open, or has had Limits.ForwardedHellos
// already, is passed over.
func (i *Introduction) Forward(to *Session) {
	if i.core.now > i.until {
		return
	}
	w := i.wanted()
	if to.core == i.core {
		to.forwardHello(w)
		return
	}
	i.core.group.send(to.core.config.Shard, func(*Core) { to.forwardHello(w) })
}

// wanted is what a peer is to be told of an initiator.
type wanted struct {
	hello Hello
	tag   []byte
	also  []netip.AddrPort
}

func (i *Introduction) wanted() wanted { return wanted{i.Hello, i.tag, slices.Clone(i.also)} }

// Ignore ends the question without an answer.
func (i *Introduction) Ignore() { i.settle() }

func (i *Introduction) settle() bool {
	if i.done || i.core.now > i.until {
		return false
	}
	i.done = true
	i.core.asked--
	return true
}

// introduce asks the introducer, if there is one and it has not too many questions already.
func (c *Core) introduce(hello Hello, tag []byte) {
	if c.config.Introducer == nil || c.closed {
		c.stats.UnknownHellos++
		return
	}
	c.forgetQuestions()
	if c.asked >= c.config.Limits.Introductions {
		c.stats.RefusedFull++
		return
	}
	hello.Discriminator = slices.Clone(hello.Discriminator)
	i := &Introduction{Hello: hello, core: c, tag: slices.Clone(tag), until: c.now.Add(introductionLife)}
	c.asked++
	c.stats.Introductions++
	c.config.Introducer.Introduce(i)
	if i.done {
		return
	}
	if c.questions.len() >= 2*c.config.Limits.Introductions {
		c.sortOutQuestions()
	}
	c.questions.push(i)
}

// sortOutQuestions drops those that have been answered behind one that has not.
func (c *Core) sortOutQuestions() {
	for range c.questions.len() {
		i := *c.questions.at(0)
		c.questions.pop()
		if !i.done {
			c.questions.push(i)
		}
	}
}

// forgetQuestions drops the questions that nobody has answered in time.
func (c *Core) forgetQuestions() {
	for c.questions.len() > 0 {
		i := *c.questions.at(0)
		if !i.done && c.now <= i.until {
			return
		}
		if !i.done {
			i.done = true
			c.asked--
		}
		c.questions.pop()
	}
}

func (c *Core) introduceTo(s *Session, w wanted, others []wire.Address) {
	if s == nil || !s.forwardHello(w) {
		return
	}
	to := append([]wire.Address{{AddrPort: s.path.Addr, Origin: wire.OriginObserved}}, others...)
	c.sendRedirect(w.hello.From, w.tag, to)
}

// forwardHello sends FIHellos, one for each address of the initiator; false if not even the first may go.
func (s *Session) forwardHello(w wanted) bool {
	if !s.forwardHelloFor(w, wire.Address{AddrPort: w.hello.From.Addr, Origin: wire.OriginObserved}) {
		return false
	}
	for _, a := range w.also {
		s.forwardHelloFor(w, wire.Address{AddrPort: a, Origin: wire.OriginLocal})
	}
	return true
}

// forwardHelloFor sends the FIHello for one address; false if it must not.
func (s *Session) forwardHelloFor(w wanted, reply wire.Address) bool {
	c := s.core
	if s.state != stateOpen {
		return false
	}
	if !s.forwards.take(c.now, c.config.Limits.ForwardedHellos, c.config.Limits.ForwardedHellos/2+1) {
		c.stats.RefusedBusy++
		return false
	}
	s.queueControl(wire.FIHello{Discriminator: w.hello.Discriminator, ReplyAddress: reply, Tag: w.tag}.Append)
	c.stats.HellosForwarded++
	return true
}

// IntroduceAll is the introducer that introduces everybody to everybody who has a session with the endpoint.
type IntroduceAll struct{}

// Introduce introduces the initiator to whom it seeks.
func (IntroduceAll) Introduce(i *Introduction) {
	peer, ok := i.core.config.Crypto.PeerNamed(i.Discriminator)
	if !ok {
		i.Ignore()
		return
	}
	i.To(peer)
}

// receiveForwardedHello answers an initiator whom a forwarder sends to us (RFC 7016 3.5.1.1.2). How often is bounded: the answer goes to an
// address that the forwarder may have made up.
func (s *Session) receiveForwardedHello(h wire.FIHello) {
	c := s.core
	c.stats.FIHellos++
	if !s.hellos.take(c.now, c.config.Limits.ForwardedHellos, c.config.Limits.ForwardedHellos/2+1) {
		s.stats.hellosDropped++
		c.stats.RefusedBusy++
		return
	}
	if path, ok := c.toldPath(s.path, h.ReplyAddress.AddrPort); ok {
		c.answerHello(Hello{From: path, Discriminator: h.Discriminator, Forwarded: true}, h.Tag)
	}
}

// allowance is a bucket of permissions that fills by a number of them each second.
type allowance struct {
	used   float32
	filled Instant
}

func (a *allowance) take(now Instant, size, perSecond int) bool {
	if now != a.filled {
		a.used = max(0, a.used-float32(now.Sub(a.filled).Seconds())*float32(perSecond))
		a.filled = now
	}
	if a.used+1 > float32(size) {
		return false
	}
	a.used++
	return true
}
