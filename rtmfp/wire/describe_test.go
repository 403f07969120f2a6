package wire

import (
	"regexp"
	"strings"
	"testing"
)

// fault is how Describe marks what is wrong, unlike an IPv6 address.
var fault = regexp.MustCompile(`\[[a-z ]+\]`)

// Every packet of the captures and every golden chunk is described without an error, on the right number of lines.
func TestDescribeKnowsEveryChunk(t *testing.T) {
	for name, session := range captures(t) {
		for i, c := range session {
			if text := Describe(c.packet); fault.MatchString(text) {
				t.Errorf("%s, packet %d:\n%s", name, i, text)
			}
		}
	}
	for _, g := range goldens {
		if _, behind := g.value.(next); behind || !isChunk(g.value) {
			continue
		}
		text := Describe(append([]byte{byte(ModeResponder)}, bytesOf(t, g.hex)...))
		if fault.MatchString(text) || strings.Count(text, "\n") != 2 {
			t.Errorf("%s:\n%s", g.name, text)
		}
	}
}

func TestDescribeShowsChunks(t *testing.T) {
	tests := []struct{ name, chunks, want string }{
		{"fragment", "7f 0006 80 822c 02 aabb", "Fragment packet=300 number=2 more data=aabb"},
		{"implied redirect", "71 0003 02 0102", "Redirect tag=0102 to the sender"},
		{
			"redirect", "71 0010 01 01 03c00002010050 02c00002010051",
			"Redirect tag=01 to (192.0.2.1:80 relay) (192.0.2.1:81 observed)",
		},
		{"cookie change", "79 0006 02 0102 030405", "CookieChange old=0102 new=030405"},
		{"abandoned end", "10 0004 03 01 09 00", "UserData flow=1 sequence=9 forward=9 whole abandoned final data=-"},
		{
			"options", "10 000c 80 02 01 01 02 0a 07 02 15 0e 00 aa",
			"UserData flow=2 sequence=1 forward=0 whole options=(returns=7 0x15=0e) data=aa",
		},
		{"bitmap", "50 0005 05 7f 10 79 06", "BitmapAck flow=5 buffer=127 KiB up to 16, 18, 21-24, 27-28"},
		{"probe", "18 0002 822c", "BufferProbe flow=300"},
		{"exception", "5e 0003 822c 05", "FlowException flow=300 code=5"},
		{"close", "0c 0000", "Close -"},
		{"private chunk", "4d 0003 01 02 03", "0x4d 010203"},
		{"long value", "01 001a" + strings.Repeat("00", 26), "Ping " + strings.Repeat("00", 24) + "… (26 bytes)"},
		{"sequence number zero", "10 0004 00 01 00 00", "UserData [impossible sequence number] 00010000"},
		{"next user data without user data", "11 0002 00 01", "NextUserData [impossible sequence number] 0001"},
		{"padding", "ff ff", "padding 2 bytes"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, chunks, _ := strings.Cut(Describe(append([]byte{byte(ModeInitiator)}, bytesOf(t, test.chunks)...)), "\n")
			if want := "  " + test.want + "\n"; chunks != want {
				t.Errorf("got  %qwant %q", chunks, want)
			}
		})
	}
}

func TestDescribeSaysWhatIsWrongWithAPacket(t *testing.T) {
	if got, want := Describe(nil), "invalid packet, 0 bytes: [truncated]\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := Describe([]byte{0x08}), "invalid packet, 1 byte: [forbidden packet mode]\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
