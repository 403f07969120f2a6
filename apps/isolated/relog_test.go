package isolated

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
)

func TestLinesOfAWorkerAreLoggedAsItsOwn(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, nil)).With("worker", 7)
	lines := `{"time":"2024-05-06T07:08:09.5Z","level":"WARN","msg":"script: oops","app":"box/room","line":3,"file":"main.asc"}
{"time":"2024-05-06T07:08:09.5Z","level":"DEBUG","msg":"small talk"}
{"level":"INFO","msg":"nobody's"}
panic: out of
`
	relog(strings.NewReader(lines+strings.Repeat("goroutine 1\n", 1000)), log, "box")
	got := strings.Split(out.String(), "\n")
	if want := `time=2024-05-06T07:08:09.500Z level=WARN msg="script: oops" worker=7 app=box/room line=3 file=main.asc`; got[0] != want {
		t.Errorf("got  %s\nwant %s", got[0], want)
	}
	if !strings.Contains(got[1], `msg=nobody's worker=7 app=box`) {
		t.Errorf("got %s", got[1])
	}
	if !strings.Contains(got[2], `level=ERROR msg="application's process says" worker=7 app=box text="panic: out of"`) {
		t.Errorf("got %s", got[2])
	}
	if len(got) > mostPlain+4 {
		t.Errorf("%d lines are logged", len(got))
	}
}

func FuzzRecord(f *testing.F) {
	f.Add([]byte(`{"time":"2024-05-06T07:08:09.5Z","level":"WARN","msg":"x","app":"box","a":{"b":[1]}}`))
	f.Add([]byte(`{"a":`))
	f.Fuzz(func(_ *testing.T, line []byte) { parseRecord(line, "box") })
}
