package overrtmfp_test

import (
	"bytes"
	"testing"
	"time"

	"afterglow/amf"
	"afterglow/netconn"
	"afterglow/netconn/overrtmfp"
)

// deepAMF is a value within so many arrays.
func deepAMF(depth int) []byte {
	return append(bytes.Repeat([]byte{0x0A, 0, 0, 0, 1}, depth), 5)
}

// sharedObject is a message about the shared object x, up to the length of its event.
func sharedObject(event byte) []byte {
	return append([]byte{0, 1, 'x'}, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, event)
}

func TestBadMessagesEndTheirSenderAlone(t *testing.T) {
	name := []byte{2, 0, 1, 'x'}
	cases := map[string]struct {
		connected bool
		message   []byte
	}{
		"command before connect":        {false, command("createStream", 1, nil)},
		"audio before connect":          {false, message(netconn.TypeAudio, 0xAF, 1)},
		"data before connect":           {false, message(netconn.TypeDataAMF0, name...)},
		"shared object before connect":  {false, message(netconn.TypeSharedObjectAMF0, name...)},
		"connect without an object":     {false, command("connect", 1)},
		"connect with a number":         {false, command("connect", 1, 5.0)},
		"garbage":                       {false, message(netconn.TypeCommandAMF0, 0xFF, 0xFE, 0xFD)},
		"nothing":                       {false, message(netconn.TypeCommandAMF0)},
		"garbage in AMF3":               {false, message(netconn.TypeCommandAMF3, 0, 0x11, 0xFF, 0xFF)},
		"deep arrays":                   {false, message(netconn.TypeCommandAMF0, append(bytes.Clone(name), deepAMF(10_000)...)...)},
		"an array that says it is huge": {false, message(netconn.TypeCommandAMF0, 0x0A, 0xFF, 0xFF, 0xFF, 0xFF)},
		"a message of 16 MB":            {false, message(netconn.TypeCommandAMF0, make([]byte, 15<<20)...)},
		"a cut shared object message":   {true, message(netconn.TypeSharedObjectAMF0, name...)},
		"a shared object's huge event":  {true, message(netconn.TypeSharedObjectAMF0, append(sharedObject(3), 0xFF, 0xFF, 0xFF, 0xFF, 0)...)},
		"garbage after connect":         {true, message(netconn.TypeCommandAMF0, 0x0A, 0xFF, 0xFF, 0xFF, 0xFF)},
		"16 MB after connect":           {true, message(netconn.TypeCommandAMF0, make([]byte, 15<<20)...)},
	}
	besieged(t, overrtmfp.Config{}, func(t *testing.T, s *siege) {
		for name, c := range cases {
			before := s.front.Stats().Abused.Load()
			a := s.attacker()
			if c.connected {
				a.connects()
			}
			a.says(c.message)
			a.isEnded()
			a.leaves()
			if got := s.front.Stats().Abused.Load() - before; got != 1 {
				t.Errorf("%s: %d counted as abused", name, got)
			}
		}
	})
}

func TestFloodOfMessagesWithoutAMeaningIsIgnoredAndCounted(t *testing.T) {
	besieged(t, overrtmfp.Config{}, func(t *testing.T, s *siege) {
		a := s.attacker().connects()
		const rounds = 100
		n := 0
		for range rounds {
			var all [][]byte
			for _, messageType := range []uint8{0, 1, 2, 3, 5, 6, 7, 10, 14, 21, 22, 23, 99, 255} {
				all = append(all, message(messageType, 0, 0, 16, 0, 2))
			}
			all = append(all, nil, []byte{20}, []byte{20, 0}, []byte{20, 0, 0, 0}, []byte{8})
			n += len(all)
			a.says(all...)
		}
		a.alive()
		if got := s.front.Stats().Ignored.Load(); got != uint64(n) {
			t.Errorf("%d messages were ignored, want %d", got, n)
		}
		a.leaves()
	})
}

// What belongs to nothing changes nothing, and a connection survives it.
func TestUselessMessagesChangeNothing(t *testing.T) {
	besieged(t, overrtmfp.Config{}, func(t *testing.T, s *siege) {
		a := s.attacker().connects()
		a.says(connecting(), command("connect", 9, nil))
		a.hears("_error", 1)
		a.hears("_error", 9)
		huge := string(bytes.Repeat([]byte{'a'}, 900_000))
		a.says(command(huge[:60_000], 3, nil), command("FCPublish", 4, nil, huge), command("x", 5, nil, huge))
		a.hears("_error", 5)
		for i := range 3000 {
			if i == 34 {
				continue // a barrier, at which the flow would wait
			}
			a.says(
				userControl(3, uint32(i), 1), userControl(uint16(i), 1, 2), userControl(41, 0, 0), userControl(6, 1), message(4), message(4, 0),
				command("_result", float64(i), nil, "?"), command("_error", -1, nil), command("onStatus", 0, nil, nil),
				command("deleteStream", 0, nil, float64(i)), command("play", 0, nil, "film"), command("publish", 0, nil, "film"),
				message(netconn.TypeSharedObjectAMF0, append(sharedObject(byte(i)), 0, 0, 0, 0)...), message(netconn.TypeVideo, 0x17, 1),
			)
		}
		a.alive()
		a.leaves()
	})
}

func TestDataWithoutAStreamIsLimited(t *testing.T) {
	besieged(t, overrtmfp.Config{}, func(t *testing.T, s *siege) {
		a := s.attacker().connects()
		for range 1100 {
			a.says(message(netconn.TypeDataAMF0, 2, 0, 1, 'x'))
		}
		a.isEnded()
		a.leaves()
	})
}

func TestWhoDoesNotConnectIsClosed(t *testing.T) {
	besieged(t, overrtmfp.Config{Limits: overrtmfp.Limits{ConnectTime: 5 * time.Second}}, func(t *testing.T, s *siege) {
		silent, opens, waits := s.attacker(), s.attacker(), s.attacker()
		opens.says(nil)
		waits.says(userControl(34, 1, 3), connecting()) // behind a barrier that never opens
		from := time.Now()
		for _, a := range []*attacker{silent, opens, waits} {
			a.isEnded()
			a.leaves()
		}
		if took := time.Since(from); took > 7*time.Second {
			t.Errorf("closed after %v", took)
		}
	})
}

// Stream names, queries and positions that no client has.
func TestAbsurdPlaysAndPublishesCostNobodyAnything(t *testing.T) {
	besieged(t, overrtmfp.Config{}, func(t *testing.T, s *siege) {
		a := s.attacker().connects().plays("film?videoLifetime=NaN&audioLifetime=-1e308&previousGopStartByMargin=1e308&expirePreviousGop=0")
		long := string(bytes.Repeat([]byte{'n'}, 60_000))
		names := []string{
			"", "?", "/", "//", "mp4:", ":", "film?", "film?a", long, "film?" + long, "\x00", "film?audioLifetime=1e308;videoLifetime=-inf?x",
			"film?videoLifetime=0&audioLifetime=0", "film?videoLifetime=0x1p1023", "é" + long[:1022], long[:1024] + "/",
		}
		for i := range 20 {
			for _, name := range names {
				a.on(1,
					command("play", 0, nil, name), command("play", 0, nil, name, 1e308, -1e308, true), command("play", 0, nil, name, -2.0, 1e308),
					command("play", 0, nil, name, -1000.0, -1.0, float64(i%4)), command("publish", 0, nil, name), command("publish", 0, nil, name, long),
					command("publish", 0, nil, name, "record"), command("seek", 0, nil, -1e308), command("pause", 0, nil, "?", 1e308),
					command("receiveVideo", 0, nil, 1e308), command("receiveAudio", 0, nil, amf.NewObject()), command("closeStream", 0, nil),
				)
				time.Sleep(20 * time.Millisecond)
			}
		}
		a.alive()
		a.leaves()
	})
}

// A playlist keeps names, not whatever is sent as one.
func TestPlaylistsHoldNoLongNames(t *testing.T) {
	besieged(t, overrtmfp.Config{}, func(t *testing.T, s *siege) {
		a := s.attacker().connects().plays("film")
		long := string(bytes.Repeat([]byte{'q'}, 900_000))
		before := heap()
		for range 20 {
			a.on(1, command("play", 0, nil, "film?"+long, -2.0, -1.0, false))
			time.Sleep(100 * time.Millisecond)
		}
		a.settled()
		if after := heap(); after > before+10<<20 {
			t.Errorf("%d MB before, %d MB after", before>>20, after>>20)
		}
		a.leaves()
	})
}
