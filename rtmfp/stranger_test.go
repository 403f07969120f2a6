package rtmfp_test

import (
	"time"

	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
	"afterglow/rtmfp/wire"
)

// stranger is an initiator whose every step is made by hand.
type stranger struct {
	*prober
	identity   *flash.Identity
	to         *end
	cookie     []byte
	far        rtmfp.Certificate
	initiation rtmfp.Initiation
}

func (w *world) stranger(p *prober, to *end) *stranger {
	w.t.Helper()
	identity, err := flash.NewIdentity(flash.IdentityConfig{Random: w.Random(), Groups: []flash.Group{flash.Group2}})
	if err != nil {
		w.t.Fatal(err)
	}
	s := &stranger{prober: p, identity: identity, to: to}
	if s.initiation, err = identity.Initiate(w.Random(), to.identity.Certificate()); err != nil {
		w.t.Fatal(err)
	}
	return s
}

// hello asks for a cookie.
func (s *stranger) hello() {
	s.world.t.Helper()
	s.send(s.to.path(), 0, wire.IHello{Discriminator: s.to.fingerprint(), Tag: []byte("0123456789abcdef")}.Append(nil))
	s.world.RunFor(time.Second)
	r, err := wire.ParseRHello(s.last(wire.ChunkRHello).payload)
	if err != nil || string(r.TagEcho) != "0123456789abcdef" {
		s.world.t.Fatalf("RHello: %v", err)
	}
	s.cookie = r.Cookie
	if s.far, err = (flash.Profile{}).ParseCertificate(r.Certificate); err != nil {
		s.world.t.Fatal(err)
	}
}

// chunk makes the IIKeying.
func (s *stranger) chunk(id uint32) []byte {
	k := wire.IIKeying{
		SessionID: id, Cookie: s.cookie, Certificate: s.identity.Certificate().Bytes(), Component: s.initiation.Component(),
	}
	k.Signature = s.identity.Sign(k.AppendParameters(nil))
	return k.Append(nil)
}

func (s *stranger) keying(id uint32) { s.send(s.to.path(), 0, s.chunk(id)) }
