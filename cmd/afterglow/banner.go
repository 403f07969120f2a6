package main

import (
	"fmt"
	"io"
	"net"
	"net/netip"
)

// banner tells people what is there and how to use it.
func (n *node) banner(w io.Writer) {
	b := currentBuild()
	fmt.Fprintf(w, "\nAfterglow %s%s\n", b.Version, b.source())
	line := func(what, format string, args ...any) {
		fmt.Fprintf(w, "  %-9s "+format+"\n", append([]any{what}, args...)...)
	}
	if a := n.addressOf("rtmp"); a != "" {
		line("RTMP", "%s", a)
	}
	if a := n.addressOf("rtmps"); a != "" {
		made := ""
		if n.certificate.selfMade() {
			made = "   self-signed certificate: most players refuse it"
		}
		line("RTMPS", "%s%s", a, made)
	}
	if a := n.addressOf("rtmfp"); a != "" {
		line("RTMFP", "%s (UDP)", a)
	}
	if a := n.addressOf("http"); a != "" {
		line("Watch it", "http://%s/metrics   http://%s/healthz", a, a)
	}
	url := n.liveURL("127.0.0.1")
	line("Publish", "ffmpeg -re -i FILE -c copy -f flv %s/NAME", url)
	line("Play", "ffplay %s/NAME", url)
	key, note := "KEY", "KEY is publish.key of the configuration; from other machines publishing needs it."
	if n.key.made {
		key, note = n.key.value, "From other machines publishing needs this key, made just now and kept in "+n.key.file+"."
	} else if n.key.file != "" {
		note = "KEY is kept in " + n.key.file + "; from other machines publishing needs it."
	}
	line("OBS", "Settings, Stream, Custom: Server %s   Stream Key NAME?key=%s", n.liveURL(ownAddress()), key)
	line("", "%s", note)
	fmt.Fprintln(w)
}

// liveURL is the URL of the application live as somebody sees it who reaches the server at host, if it listens at all
// addresses.
func (n *node) liveURL(host string) string {
	scheme, address, usual := "rtmp", n.addressOf("rtmp"), "1935"
	if address == "" {
		scheme, address, usual = "rtmps", n.addressOf("rtmps"), "443"
	}
	h, port, _ := net.SplitHostPort(address)
	if ip, err := netip.ParseAddr(h); err == nil && !ip.IsUnspecified() {
		host = h
	}
	if port != usual {
		return scheme + "://" + net.JoinHostPort(host, port) + "/live"
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.Is6() {
		host = "[" + host + "]"
	}
	return scheme + "://" + host + "/live"
}

// ownAddress is an address under which other machines may reach this one.
func ownAddress() string {
	addresses, _ := net.InterfaceAddrs()
	for _, a := range addresses {
		p, err := netip.ParsePrefix(a.String())
		if err == nil && p.Addr().Is4() && p.Addr().IsGlobalUnicast() {
			return p.Addr().String()
		}
	}
	return "THIS-HOST"
}
