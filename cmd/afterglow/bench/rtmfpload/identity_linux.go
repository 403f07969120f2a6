package rtmfpload

import (
	"context"
	"net/netip"

	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
	"afterglow/rtmfp/udp"
)

// protected says how the packets of all sessions are sealed.
type protected struct {
	HMAC     bool
	Sequence bool
}

func (c *Common) protected() protected { return protected{HMAC: c.HMAC, Sequence: c.Sequence} }

// identity makes one with a certificate of its own. Groups are for ephemeral keys; a key, if there is one, is static.
func (p protected) identity(groups []flash.Group, key *flash.PrivateKey) (*flash.Identity, error) {
	config := flash.IdentityConfig{HMAC: always(p.HMAC), Sequence: always(p.Sequence)}
	if key != nil {
		config.Keys = []*flash.PrivateKey{key}
	} else {
		config.Groups = groups
	}
	return flash.NewIdentity(config)
}

func always(on bool) flash.Protection {
	if on {
		return flash.Protection{Send: flash.SendAlways, Receive: flash.Require}
	}
	return flash.Protection{Send: flash.SendNever, Receive: flash.RequestNever}
}

// target is how to reach a server.
type target struct {
	Address       netip.AddrPort
	Discriminator []byte
}

type openSockets = func(ctx context.Context, address string, count int, options udp.Options) ([]udp.Conn, error)

// loopback opens an endpoint whose sessions stay open although nothing uses them.
func loopback(ctx context.Context, shards int, open openSockets) (*rtmfp.Endpoint, error) {
	return rtmfp.Listen(ctx, rtmfp.Config{
		Crypto: flash.Profile{}, Addresses: []string{"127.0.0.1:0"}, Shards: shards, Sockets: open,
		Times: rtmfp.Times{Idle: -1},
	})
}
