package isolated

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"time"
)

const (
	mostLine  = 256 << 10 // bytes of a line that a worker logs
	mostPlain = 60        // lines that are no log, as when a process breaks down
)

// relog logs what a worker has logged: JSON objects, one a line, as slog writes them. Other lines, such as those that a process writes
// when it breaks down, are logged as they are, as many as tell what has happened.
func relog(from io.Reader, to *slog.Logger, application string) {
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, mostLine)
	plain := 0
	for lines.Scan() {
		line := lines.Bytes()
		if r, ok := parseRecord(line, application); ok {
			if to.Enabled(context.Background(), r.Level) {
				_ = to.Handler().Handle(context.Background(), r)
			}
			continue
		}
		if plain++; plain <= mostPlain && len(bytes.TrimSpace(line)) > 0 {
			to.Error("application's process says", "app", application, "text", string(line))
		}
	}
	_, _ = io.Copy(io.Discard, from)
}

// parseRecord reads a line of a slog.JSONHandler, which belongs to the application if it names none.
func parseRecord(line []byte, application string) (slog.Record, bool) {
	d := json.NewDecoder(bytes.NewReader(line))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return slog.Record{}, false
	}
	r := slog.Record{Time: time.Now()}
	named := false
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return r, false
		}
		var value any
		if err := d.Decode(&value); err != nil {
			return r, false
		}
		named = named || name == "app"
		addField(&r, name.(string), value)
	}
	if !named {
		r.AddAttrs(slog.String("app", application))
	}
	return r, true
}

// addField puts a field of a logged line where it belongs.
func addField(r *slog.Record, name string, value any) {
	text, _ := value.(string)
	switch name {
	case slog.TimeKey:
		if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
			r.Time = t
		}
	case slog.LevelKey:
		_ = r.Level.UnmarshalText([]byte(text))
	case slog.MessageKey:
		r.Message = text
	default:
		r.AddAttrs(slog.Any(name, value))
	}
}
