package bench

import (
	"bufio"
	"bytes"
	"net/netip"
	"os"
	"strconv"
	"strings"
)

// datagrams are counters of UDP sockets: the load's own, and what the server's have lost as far as this machine shows it.
type datagrams struct {
	received, calls, sent uint64
	lostHere, lostThere   uint64
}

func (d datagrams) since(old datagrams) datagrams {
	return datagrams{
		received: d.received - old.received, calls: d.calls - old.calls, sent: d.sent - old.sent,
		lostHere: d.lostHere - old.lostHere, lostThere: d.lostThere - old.lostThere,
	}
}

func (d datagrams) report() *Datagrams {
	r := &Datagrams{Received: d.received, Sent: d.sent, LostByLoad: d.lostHere, LostByServer: d.lostThere}
	if d.calls > 0 {
		r.ReceivedAtOnce = float64(d.received) / float64(d.calls)
	}
	return r
}

// datagrams sums over the sockets of players.
func (s *session) datagrams() (d datagrams) {
	for _, t := range s.teams {
		side, ok := t.side.(*rtmfpSide)
		if !ok {
			continue
		}
		for _, seat := range side.seats {
			for _, socket := range seat.endpoint.Stats().Sockets {
				d.received += socket.Received
				d.calls += socket.ReceiveCalls
				d.sent += socket.Sent
				d.lostHere += socket.ReceiveOverflows
			}
		}
		d.lostThere = dropsOn(side.dialer.server)
	}
	return d
}

// dropsOn is how many datagrams found no room in the sockets of this machine that are bound to a port.
func dropsOn(server netip.AddrPort) (drops uint64) {
	if !server.Addr().IsLoopback() {
		return 0
	}
	port := ":" + strings.ToUpper(strconv.FormatUint(uint64(server.Port())|1<<16, 16)[1:])
	for _, file := range []string{"/proc/net/udp", "/proc/net/udp6"} {
		b, _ := os.ReadFile(file)
		drops += dropsIn(b, port)
	}
	return drops
}

// dropsIn reads one of the kernel's tables of sockets: the local address is the second column, the drops are the last.
func dropsIn(table []byte, port string) (drops uint64) {
	lines := bufio.NewScanner(bytes.NewReader(table))
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) < 3 || !strings.HasSuffix(f[1], port) {
			continue
		}
		n, _ := strconv.ParseUint(f[len(f)-1], 10, 64)
		drops += n
	}
	return drops
}
