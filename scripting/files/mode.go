package files

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// mode is how a file is opened.
type mode struct {
	text                              bool
	read, write, append, create, utf8 bool
}

// parseMode reads the arguments of open: "text" or "binary", and a list of modes.
func parseMode(kind, list string) (mode, error) {
	var m mode
	switch strings.ToLower(kind) {
	case "text":
		m.text = true
	case "binary":
	default:
		return m, fmt.Errorf(`the type is "text" or "binary", not %q`, kind)
	}
	for _, word := range strings.Split(list, ",") {
		switch strings.ToLower(strings.TrimSpace(word)) {
		case "read":
			m.read = true
		case "write":
			m.write = true
		case "readwrite":
			m.read, m.write = true, true
		case "append":
			m.append = true
		case "create":
			m.create = true
		case "utf8":
			m.utf8 = true
		case "":
		default:
			return m, fmt.Errorf("there is no mode %q", word)
		}
	}
	if m.append && m.create {
		return m, errors.New(`the modes "append" and "create" exclude each other`)
	}
	m.write = m.write || m.append || m.create
	m.read = m.read || !m.write
	return m, nil
}

// flags returns what the operating system calls it. A file to append to is made if there is none.
func (m mode) flags() int {
	flags := os.O_RDONLY
	switch {
	case m.read && m.write:
		flags = os.O_RDWR
	case m.write:
		flags = os.O_WRONLY
	}
	if m.append {
		flags |= os.O_APPEND | os.O_CREATE
	}
	if m.create {
		flags |= os.O_CREATE | os.O_TRUNC
	}
	return flags
}

// decode makes text of what was read: UTF-8 if that was asked for, else a character for each byte.
func (m mode) decode(b []byte) string {
	if m.text && m.utf8 {
		return strings.ToValidUTF8(string(b), "\uFFFD")
	}
	runes := make([]rune, len(b))
	for i, c := range b {
		runes[i] = rune(c)
	}
	return string(runes)
}

// encode makes bytes of text. Without UTF-8, text has question marks for what is not in Latin-1, and binary files get
// the low byte of each character.
func (m mode) encode(s string) []byte {
	if m.text && m.utf8 {
		return []byte(s)
	}
	b := make([]byte, 0, len(s))
	for _, r := range s {
		if m.text && r > 0xFF {
			r = '?'
		}
		b = append(b, byte(r))
	}
	return b
}
