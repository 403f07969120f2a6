package appcheck

import (
	"strconv"
	"strings"

	"afterglow/scripting/es3"
)

// special looks at the arguments, in the brackets that open at i, for uses that are supported otherwise than the method itself.
func (w *walker) special(a *API, i int) {
	first := w.literal(i + 1)
	use := ""
	switch a.Class + "." + a.Member {
	case "Stream.get":
		if recordingName(first) {
			use = "recorded"
		}
	case "Stream.play":
		if start, ok := w.second(i); recordingName(first) || ok && start >= 0 {
			use = "recorded"
		}
	case "NetConnection.connect":
		use = connectUse(first)
	}
	if use != "" {
		w.use(w.members[a.Class][a.Member+"#"+use], i, true)
	}
}

// literal returns the text of a string.
func (w *walker) literal(i int) string {
	if i < len(w.tokens) && w.tokens[i].Kind == es3.String {
		return unquoted(w.tokens[i].Text)
	}
	return ""
}

// second returns the second argument if it is a number as it stands.
func (w *walker) second(i int) (float64, bool) {
	end := min(w.match[i], len(w.tokens))
	at := w.comma(i+1, end) + 1
	if at >= end || w.tokens[at].Kind != es3.Number || !w.is(at+1, ",") && !w.is(at+1, ")") {
		return 0, false
	}
	n, err := strconv.ParseFloat(w.tokens[at].Text, 64)
	return n, err == nil
}

// recordingName says whether a name has a prefix that only recordings have (server-side-api 2.4).
func recordingName(name string) bool {
	prefix, _, found := strings.Cut(name, ":")
	switch prefix {
	case "mp4", "f4f", "raw", "mp3", "id3":
		return found
	}
	return false
}

// connectUse looks at a URL (server-side-api 2.6).
func connectUse(url string) string {
	scheme, rest, found := strings.Cut(strings.ToLower(url), ":")
	switch {
	case !found:
		return ""
	case scheme == "rtmfp" && !strings.HasPrefix(rest, "//"):
		return "groups"
	case scheme == "rtmpt", scheme == "rtmpe", scheme == "rtmpte":
		return "tunnel"
	case scheme == "rtmp" && strings.Contains(rest+"/", ":1111/"):
		return "admin"
	}
	return ""
}

func unquoted(text string) string {
	if len(text) < 2 {
		return text
	}
	return text[1 : len(text)-1]
}
