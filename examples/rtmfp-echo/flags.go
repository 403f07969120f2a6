package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
)

// identityName is how our endpoint knows its only identity.
const identityName = "echo"

// commonFlags are those that every mode has: where an endpoint listens, how patient it is, and who it is.
type commonFlags struct {
	set      *flag.FlagSet
	endpoint rtmfp.Config
	identity flash.IdentityConfig
	groups   []flash.Group
	static   bool
	keyLog   string
	verbose  bool
}

// newFlags begins the flags of a mode.
func newFlags(mode, listen string, out io.Writer) *commonFlags {
	f := &commonFlags{set: flag.NewFlagSet(mode, flag.ContinueOnError)}
	f.endpoint.Addresses = []string{listen}
	f.set.SetOutput(out)
	f.set.Func("listen", "address to listen at, or several, separated by commas (default "+listen+")", func(text string) error {
		f.endpoint.Addresses = strings.Split(text, ",")
		return nil
	})
	f.set.IntVar(&f.endpoint.Shards, "shards", 0, "goroutines that share the sessions, a power of two (default: as many as processors)")
	f.set.DurationVar(&f.endpoint.Times.KeepAlive, "keepalive", 0, "silence before the far end is asked for a sign of life (default 10s)")
	f.set.DurationVar(&f.endpoint.Times.GiveUp, "give-up", 0, "silence to bear after that (default 1m)")
	f.set.BoolVar(&f.verbose, "v", false, "log what happens to sessions to standard error, and at the end what the endpoint still holds")
	f.set.StringVar(&f.keyLog, "keylog", "", "file to append the secrets of sessions to, by which captures can be read")
	return f
}

// addIdentity adds the flags that say who we are and how we want packets to be protected.
func (f *commonFlags) addIdentity() {
	f.set.Func("groups", "Diffie-Hellman groups in order of preference, of 2, 5, 14 and 16 (default 2,5,14)", f.setGroups)
	f.set.BoolVar(&f.static, "static", false, "static keys in the certificate, instead of ephemeral ones")
	f.set.StringVar(&f.identity.Hostname, "name", "", "hostname in the certificate")
	f.set.IntVar(&f.identity.HMACLength, "hmac-length", 0, "bytes of the HMACs that we send, 4 to 32 (default 16)")
	f.addProtection("hmac", &f.identity.HMAC)
	f.addProtection("sequence", &f.identity.Sequence)
}

func (f *commonFlags) setGroups(text string) error {
	f.groups = nil
	for field := range strings.SplitSeq(text, ",") {
		n, err := strconv.ParseUint(field, 10, 16)
		if err != nil {
			return err
		}
		f.groups = append(f.groups, flash.Group(n))
	}
	return nil
}

// addProtection adds the two flags of a protection: what we do ourselves, and what we want of the far end.
func (f *commonFlags) addProtection(name string, p *flash.Protection) {
	f.set.Func(name+"-send", "on-request, always or never (default on-request)", func(text string) (err error) {
		p.Send, err = choose(text, map[string]flash.SendPolicy{
			"on-request": flash.SendOnRequest, "always": flash.SendAlways, "never": flash.SendNever,
		})
		return err
	})
	f.set.Func(name+"-receive", "mutual, never, request or require (default mutual)", func(text string) (err error) {
		p.Receive, err = choose(text, map[string]flash.ReceivePolicy{
			"mutual": flash.RequestMutually, "never": flash.RequestNever, "request": flash.Request, "require": flash.Require,
		})
		return err
	})
}

func choose[V any](text string, values map[string]V) (V, error) {
	value, ok := values[text]
	if !ok {
		return value, errors.New("no such policy")
	}
	return value, nil
}

// open opens the endpoint, and gives it our identity unless listener is nil. It writes the addresses in use to out.
func (f *commonFlags) open(ctx context.Context, listener *rtmfp.Listener, out io.Writer) (*rtmfp.Endpoint, error) {
	f.endpoint.Crypto = flash.Profile{}
	if f.verbose {
		f.endpoint.Log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	if f.keyLog != "" {
		f.endpoint.KeyLog = f.logKey
	}
	endpoint, err := rtmfp.Listen(ctx, f.endpoint)
	if err != nil {
		return nil, err
	}
	if listener != nil {
		err = f.identify(endpoint, *listener, out)
	}
	if err != nil {
		return nil, errors.Join(err, endpoint.Close())
	}
	for _, address := range endpoint.Addrs() {
		fmt.Fprintln(out, "listening at", address)
	}
	return endpoint, nil
}

// identify makes our identity and writes its fingerprint, by which it can be found.
func (f *commonFlags) identify(endpoint *rtmfp.Endpoint, listener rtmfp.Listener, out io.Writer) error {
	f.identity.Groups = f.groups
	if f.static {
		if err := f.makeKeys(); err != nil {
			return err
		}
	}
	identity, err := flash.NewIdentity(f.identity)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "fingerprint", identity.Certificate().PeerID())
	return endpoint.AddIdentity(identityName, identity, listener)
}

// makeKeys makes a static key in each group.
func (f *commonFlags) makeKeys() error {
	f.identity.Groups = nil
	if len(f.groups) == 0 {
		f.groups = []flash.Group{flash.Group2, flash.Group5, flash.Group14}
	}
	for _, group := range f.groups {
		key, err := flash.GenerateKey(rand.Reader, group)
		if err != nil {
			return err
		}
		f.identity.Keys = append(f.identity.Keys, key)
	}
	return nil
}

// dump shows what the endpoint holds, to those who want to know.
func (f *commonFlags) dump(endpoint *rtmfp.Endpoint) {
	if f.verbose {
		_ = endpoint.Dump(os.Stderr) // as with a log, nobody could be told
	}
}

func (f *commonFlags) logKey(line string) {
	file, err := os.OpenFile(f.keyLog, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = fmt.Fprintln(file, line)
		err = errors.Join(err, file.Close())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "rtmfp-echo: key log:", err)
	}
}

// resolve finds the addresses of the hosts that were named.
func resolve(hosts []string) ([]netip.AddrPort, error) {
	var addresses []netip.AddrPort
	for _, host := range hosts {
		address, err := net.ResolveUDPAddr("udp", host)
		if err != nil {
			return nil, err
		}
		addresses = append(addresses, address.AddrPort())
	}
	if len(addresses) == 0 {
		return nil, errors.New("want at least one address, host:port")
	}
	return addresses, nil
}

// parseFingerprint reads a peer ID; none from an empty text.
func parseFingerprint(text string) (*rtmfp.PeerID, error) {
	if text == "" {
		return nil, nil
	}
	var id rtmfp.PeerID
	if b, err := hex.DecodeString(text); err != nil || copy(id[:], b) != len(id) || len(b) != len(id) {
		return nil, fmt.Errorf("fingerprint: want %d hexadecimal digits", 2*len(id))
	}
	return &id, nil
}
