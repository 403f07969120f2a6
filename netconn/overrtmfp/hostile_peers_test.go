package overrtmfp_test

import (
	"errors"
	"testing"
	"time"

	"afterglow/netconn"
	"afterglow/netconn/overrtmfp"
	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
	"afterglow/rtmfp/wire"
)

// A peer of a client that publishes to peers: its session ends or goes on, and other peers see nothing of it.
func TestBadPeersHarmNoOtherPeer(t *testing.T) {
	play := func(name string) []byte { return command("play", 0, nil, name) }
	peers := map[string]func(a *attacker){
		"with a thousand streams": func(a *attacker) {
			for id := range uint32(1000) { // most are rejected
				say(a.open(metadataOf(id), nil), play("direct"))
			}
		},
		"with a thousand unknown names": func(a *attacker) {
			f := a.open(metadataOf(5), nil)
			for range 1000 {
				say(f, play("unknown"))
			}
		},
		"who come and go": func(a *attacker) {
			for id := range uint32(1000) {
				f := a.open(metadataOf(id), nil)
				say(f, play("direct"))
				closing(f)
			}
		},
		"who send media and commands": func(a *attacker) {
			f := a.open(metadataOf(5), nil)
			for i := range 200 {
				say(f, message(netconn.TypeVideo, make([]byte, 1000)...))
				say(f, message(netconn.TypeDataAMF0, 2, 0, 1, 'x'))
				say(f, connecting())
				say(f, command("createStream", float64(i), nil))
				say(f, command("publish", 0, nil, "direct"))
				say(f, command("deleteStream", 0, nil, 5.0))
				say(f, command("setPeerInfo", 0, nil, "127.0.0.1:1"))
				say(f, userControl(41, 0, 0))
				say(f, userControl(34, 1, 2))
			}
		},
		"who talk rubbish": func(a *attacker) {
			for id := range uint32(60) {
				say(a.open(metadataOf(id), nil), message(20, 0x0A, 0xFF, 0xFF, 0xFF, 0xFF))
			}
		},
		"who talk long":  func(a *attacker) { say(a.open(metadataOf(5), nil), message(20, make([]byte, 2<<20)...)) },
		"who are silent": func(a *attacker) { say(a.open(metadataOf(5), nil), nil) },
		"who reject": func(a *attacker) {
			a.takes = func(f *rtmfp.ReceiveFlow, _ uint8) { f.Reject(0) }
			for id := range uint32(60) {
				say(a.open(metadataOf(id), nil), play("direct"))
			}
		},
		"who acknowledge nothing": func(a *attacker) {
			a.forge.ack = func(*wire.Ack) bool { return false }
			for id := range uint32(60) {
				say(a.open(metadataOf(id), nil), play("direct"))
			}
		},
	}
	for name, harm := range peers {
		t.Run(name, func(t *testing.T) {
			besieged(t, overrtmfp.Config{}, func(t *testing.T, s *siege) {
				endpoint, err := rtmfp.Listen(t.Context(), rtmfp.Config{
					Crypto: flash.Profile{}, Addresses: []string{":0"}, Sockets: s.live.Sockets(s.near()), Shards: 1,
				})
				if err != nil {
					t.Fatal(err)
				}
				publisher := s.connects(s.near(), func(o *overrtmfp.DialOptions) { o.Endpoint = endpoint })
				player := s.connects(s.near())
				b, p := directly(t, publisher, "direct", overrtmfp.DirectOptions{})
				v, d := playsDirectly(t, player, publisher.PeerID(), "direct")
				b.run(time.Second)
				begun := time.Now()
				a := s.attacker().connects()
				peer := a.seeks(publisher.PeerID())
				peer.do(func() { harm(peer) })
				b.run(2 * time.Second)
				end := time.Now()
				time.Sleep(time.Second)
				if n := p.Players(); n > 65 {
					t.Errorf("%d streams are played", n)
				}
				for kind := range 2 {
					if f := measure(b, v, kind, begun, end); f.came != f.published || f.worst > undelayed {
						t.Errorf("the other peer got %v", f)
					}
				}
				peer.do(func() { peer.forge.ack = nil; peer.session.Close() })
				a.leaves()
				time.Sleep(3 * time.Second)
				endpoint.Sessions(func(session *rtmfp.Session) bool {
					if stats := session.Stats(); stats.SendFlows > 8 || stats.ReceiveFlows > 8 || stats.Queued > 0 {
						t.Errorf("of a session is left %+v", stats)
					}
					return true
				})
				_ = d.Close()
				publisher.Close()
				player.Close()
				<-publisher.Ended()
				_ = endpoint.Close()
			})
		})
	}
}

// Direct streams that end in disorder, one after the other on a session that goes on, with answers that are not taken: nothing of
// them stays.
func TestFailedStreamsOfAPeerLeaveNothing(t *testing.T) {
	besieged(t, overrtmfp.Config{}, func(t *testing.T, s *siege) {
		endpoint, err := rtmfp.Listen(t.Context(), rtmfp.Config{
			Crypto: flash.Profile{}, Addresses: []string{":0"}, Sockets: s.live.Sockets(s.near()), Shards: 1,
		})
		if err != nil {
			t.Fatal(err)
		}
		publisher := s.connects(s.near(), func(o *overrtmfp.DialOptions) { o.Endpoint = endpoint })
		publishesDirectly(t, publisher, "direct")
		a := s.attacker().connects()
		peer := a.seeks(publisher.PeerID())
		peer.do(func() { peer.forge.ack, peer.forge.deaf = func(*wire.Ack) bool { return false }, true })
		for id := range uint32(150) {
			peer.do(func() {
				f := peer.open(metadataOf(1+id), nil)
				say(f, command("play", 0, nil, "unknown"))
				say(f, message(netconn.TypeCommandAMF0, 0xFF))
			})
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(10 * time.Second)
		endpoint.Sessions(func(session *rtmfp.Session) bool {
			if stats := session.Stats(); stats.Queued > 10_000 {
				t.Errorf("%d bytes and %d flows are left", stats.Queued, stats.SendFlows)
			}
			return true
		})
		a.leaves()
		publisher.Close()
		<-publisher.Ended()
		_ = endpoint.Close()
	})
}

// seeks opens a session with a peer, through the server.
func (a *attacker) seeks(peer rtmfp.PeerID) *attacker {
	a.t.Helper()
	p := &attacker{t: a.t, siege: a.siege, endpoint: a.endpoint, forge: a.forge, streams: make(map[uint32]*rtmfp.SendFlow)}
	var err error
	p.session, err = a.endpoint.Dial(a.t.Context(), rtmfp.DialConfig{
		Discriminator: flash.Discriminator{Fingerprint: &peer}.Append(nil), Addresses: a.siege.endpoint.Addrs(),
		Handler: rtmfp.SessionFuncs{OnFlow: p.flow, OnClosed: p.closed},
	})
	if err != nil {
		a.t.Fatal(err)
	}
	return p
}

// The stream ends while the application thinks about a peer, which is told so.
func TestDirectStreamClosedWhileAPeerIsAskedAbout(t *testing.T) {
	besieged(t, overrtmfp.Config{}, func(t *testing.T, s *siege) {
		publisher, player := s.connects(s.near()), s.connects(s.near())
		var p *overrtmfp.DirectPublisher
		p, err := publisher.PublishDirect("direct", overrtmfp.DirectOptions{Accept: func(rtmfp.PeerID) bool {
			p.Close()
			return true
		}})
		if err != nil {
			t.Fatal(err)
		}
		_, err = player.PlayDirect(moment(t), publisher.PeerID(), "direct", netconn.StreamEvents{})
		var status netconn.Status
		if !errors.As(err, &status) || status.Code != netconn.PlayStreamNotFound {
			t.Errorf("the peer is told %v", err)
		}
		publisher.Close()
		player.Close()
	})
}

// A publisher that begins and ends a direct stream all the time, while a peer wants it.
func TestDirectStreamClosedWhileAPeerJoins(t *testing.T) {
	besieged(t, overrtmfp.Config{}, func(t *testing.T, s *siege) {
		publisher, player := s.connects(s.near()), s.connects(s.near())
		keep, err := publisher.PublishDirect("other", overrtmfp.DirectOptions{})
		if err != nil {
			t.Fatal(err)
		}
		stop := make(chan struct{})
		done := make(chan struct{})
		go func() {
			defer close(done)
			for {
				p, err := publisher.PublishDirect("direct", overrtmfp.DirectOptions{})
				if err != nil {
					t.Error(err)
					return
				}
				time.Sleep(7 * time.Millisecond)
				p.Close()
				select {
				case <-stop:
					return
				case <-time.After(3 * time.Millisecond):
				}
			}
		}()
		for range 100 {
			notices := make(chan netconn.Code, 10)
			d, err := player.PlayDirect(moment(t), publisher.PeerID(), "direct", netconn.StreamEvents{Status: func(st netconn.Status) { notices <- st.Code }})
			if err != nil {
				continue
			}
			late := time.After(5 * time.Second)
			for told := false; !told; {
				select {
				case code := <-notices:
					told = code == netconn.PlayUnpublishNotify
				case <-late:
					t.Error("a peer was not told of the end")
					told = true
				}
			}
			_ = d.Close()
		}
		close(stop)
		<-done
		keep.Close()
		publisher.Close()
		player.Close()
	})
}
