package main

import (
	"io"
	"log/slog"

	"afterglow/configs"
)

// newLogger makes the server's log: one line an event. The level may change while it is used.
func newLogger(format configs.LogFormat, level slog.Leveler, w io.Writer) *slog.Logger {
	o := &slog.HandlerOptions{Level: level}
	if format == configs.FormatJSON {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}
