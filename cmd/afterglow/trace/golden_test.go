package trace

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"afterglow/rtmfp"
	"afterglow/rtmfp/simnet"
	"afterglow/rtmfp/wire"
)

var update = flag.Bool("update", false, "write the golden files")

var (
	addressA = netip.MustParseAddrPort("192.0.2.1:50000")
	addressB = netip.MustParseAddrPort("198.51.100.7:1935")
)

// foreign is a recorded session of another program: see the test of rtmfp/flash that these files are for.
type foreign struct {
	fields    map[string]string
	datagrams []foreignDatagram
}

type foreignDatagram struct {
	from    string
	startup bool
	data    []byte
}

const foreignFiles = "../../../rtmfp/flash/testdata/foreign-*.txt"

// readForeign gives the sessions of a file.
func readForeign(t testing.TB, path string) (all []foreign) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for block := range strings.SplitSeq(strings.TrimSpace(string(text)), "\n\n") {
		session := foreign{fields: make(map[string]string)}
		for line := range strings.Lines(block) {
			name, value, ok := strings.Cut(strings.TrimSpace(line), ": ")
			if !ok {
				continue
			}
			switch name {
			case "initiator", "responder", "startup-initiator", "startup-responder":
				session.datagrams = append(session.datagrams, foreignDatagram{
					from: strings.TrimPrefix(name, "startup-"), startup: strings.HasPrefix(name, "startup-"), data: unhex(t, value),
				})
			default:
				session.fields[name] = value
			}
		}
		all = append(all, session)
	}
	return all
}

func unhex(t testing.TB, digits string) []byte {
	t.Helper()
	b, err := hex.DecodeString(digits)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// keyLine is what the initiator would have logged (RFC 7425 4.6.3).
func (f foreign) keyLine(t testing.TB) string {
	secret, skic, skrc := unhex(t, f.fields["secret"]), unhex(t, f.fields["skic"]), unhex(t, f.fields["skrc"])
	ids := f.ids()
	return fmt.Sprintf("session near=%08x far=%08x role=%d flash secret=%x encrypt=%x decrypt=%x "+
		"hmac-send=%s hmac-receive=%s sequence-send=%t sequence-receive=%t",
		ids[initiator], ids[responder], rtmfp.Initiator, secret, mac(secret, mac(skrc, skic)), mac(secret, mac(skic, skrc)),
		f.fields["hmac-initiator-length"], f.fields["hmac-responder-length"],
		f.fields["sseq-initiator"] == "1", f.fields["sseq-responder"] == "1")
}

func mac(key, message []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(message)
	return h.Sum(nil)
}

// ids gives the session IDs: packets of one end bear the other's.
func (f foreign) ids() (ids [2]uint32) {
	for _, d := range f.datagrams {
		id, _ := wire.SessionID(d.data)
		if id == 0 {
			continue
		}
		if d.from == "initiator" {
			ids[responder] = id
		} else {
			ids[initiator] = id
		}
	}
	return ids
}

// pcap makes a capture of the session, with two milliseconds between datagrams.
func (f foreign) pcap() []byte {
	var file bytes.Buffer
	w := simnet.NewPcap(&file)
	for i, d := range f.datagrams {
		e := simnet.Event{At: rtmfp.Instant(time.Duration(i) * 2 * time.Millisecond), From: addressA, To: addressB, Datagram: d.data}
		if d.from == "responder" {
			e.From, e.To = e.To, e.From
		}
		w.Record(e)
	}
	return file.Bytes()
}

// traced gives the trace of a capture.
func traced(t testing.TB, capture []byte, o Options, keys ...string) string {
	t.Helper()
	var out bytes.Buffer
	tracer := New(&out, o)
	for _, line := range keys {
		tracer.KeyLine(line)
	}
	source, err := NewReader(bytes.NewReader(capture))
	if err != nil {
		t.Fatal(err)
	}
	if err := tracer.Read(t.Context(), source, nil); err != nil {
		t.Fatal(err)
	}
	if err := tracer.Finish(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// golden compares with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; got\n%s", name, got)
	}
}

func TestForeignSessionsAreDecoded(t *testing.T) {
	files, err := filepath.Glob(foreignFiles)
	if err != nil || len(files) == 0 {
		t.Fatalf("no foreign sessions: %v", err)
	}
	for _, path := range files {
		for i, session := range readForeign(t, path) {
			name := fmt.Sprintf("%s-%d", strings.TrimSuffix(filepath.Base(path), ".txt"), i+1)
			t.Run(name, func(t *testing.T) {
				got := traced(t, session.pcap(), Options{}, session.keyLine(t))
				all := fmt.Sprintf("%d decoded", len(session.datagrams)-session.startups())
				if !strings.Contains(got, all) || strings.Contains(got, "no key") || strings.Contains(got, "not RTMFP") {
					t.Errorf("not %s:\n%s", all, got)
				}
			})
		}
	}
}

// startups is how many of the datagrams are of the handshake.
func (f foreign) startups() int {
	n := 0
	for _, d := range f.datagrams {
		if d.startup {
			n++
		}
	}
	return n
}

func TestTextOfForeignSessions(t *testing.T) {
	for _, name := range []string{"foreign-librtmfp-client", "foreign-rtmfp-cpp-negotiation"} {
		session := readForeign(t, filepath.Join(filepath.Dir(foreignFiles), name+".txt"))[0]
		golden(t, name+".golden", traced(t, session.pcap(), Options{}, session.keyLine(t)))
	}
}
