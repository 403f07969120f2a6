package web

import (
	"bytes"
	"mime"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/unicode"
)

// decodeText makes text of what a server sent: by the byte order mark, else by the charset of its Content-Type, else as
// UTF-8, and what is not valid UTF-8 as Latin-1.
func decodeText(body []byte, contentType string) string {
	switch {
	case bytes.HasPrefix(body, []byte("\xef\xbb\xbf")):
		return strings.ToValidUTF8(string(body[3:]), "\ufffd")
	case bytes.HasPrefix(body, []byte("\xff\xfe")), bytes.HasPrefix(body, []byte("\xfe\xff")):
		return decodeAs(unicode.UTF16(unicode.BigEndian, unicode.UseBOM), body)
	}
	if _, parameters, _ := mime.ParseMediaType(contentType); parameters["charset"] != "" {
		named, err := htmlindex.Get(parameters["charset"])
		if err == nil && named != unicode.UTF8 {
			return decodeAs(named, body)
		}
	}
	if utf8.Valid(body) {
		return string(body)
	}
	return decodeAs(charmap.Windows1252, body)
}

func decodeAs(e encoding.Encoding, body []byte) string {
	text, err := e.NewDecoder().Bytes(body)
	if err != nil {
		return strings.ToValidUTF8(string(body), "\ufffd")
	}
	return string(text)
}
