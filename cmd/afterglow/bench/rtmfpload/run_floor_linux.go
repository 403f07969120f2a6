package rtmfpload

import (
	"context"
	"io"
	"net/netip"
)

// Floor measures what no protocol could be cheaper than. With an error it returns what it has.
func Floor(ctx context.Context, o FloorOptions, out io.Writer) (*Report, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	report := newReport(&o.Common)
	report.Floor = &FloorReport{Options: o}
	for n := range o.Rounds {
		o.progress(out).say("floor: round %d of %d", n+1, o.Rounds)
		round, err := floorRound(ctx, &o.Common, o.Sessions, o.Burst, uint64(o.Gigabits*1e9/(datagramSize*8)))
		if err != nil {
			return report, err
		}
		report.Floor.Rounds = append(report.Floor.Rounds, *round)
	}
	return report, nil
}

// floorRound seals packets, and then sends as many datagrams without a protocol, in processes of their own.
func floorRound(ctx context.Context, c *Common, sessions, burst int, packets uint64) (*FloorRound, error) {
	packets = max(packets/uint64(burst), 1) * uint64(burst)
	p, err := startPair(ctx, c)
	if err != nil {
		return nil, err
	}
	defer p.stop()
	round := &FloorRound{Sent: packets}
	round.Seal, err = ask[Use](p.server, "seal", sealArgs{protected: c.protected(), Ciphers: sessions, Burst: burst, Packets: packets})
	if err != nil {
		return nil, err
	}
	to, err := ask[[]netip.AddrPort](p.client, "receivePlain", c.Sockets)
	if err != nil {
		return nil, err
	}
	round.Sender, err = ask[Use](p.server, "sendPlain", plainArgs{To: to, Sessions: sessions, Burst: burst, Packets: packets})
	if err != nil {
		return nil, err
	}
	taken, err := ask[plainTaken](p.client, "received", packets)
	if err != nil {
		return nil, err
	}
	round.Receiver, round.Received = taken.Use, taken.Datagrams
	round.derive(packets)
	return round, nil
}
