package overrtmfp

import (
	"fmt"
	"net"
	"net/url"
	"strings"
)

// defaultPort is RTMFP's.
const defaultPort = "1935"

// URL is an rtmfp URL taken apart.
type URL struct {
	Host   string // host and port
	App    string // application, instance and query, as connect says it
	Stream string // name and query, empty if there is none
	TCURL  string // the URL without the stream
}

// ParseURL takes rtmfp://host[:port]/app[/instance]/stream[?query] apart. The stream is the fragment if there is one, as
// rtmfp-cpp has it; else the last element of a path of two and more, with the query.
func ParseURL(raw string) (*URL, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, err
	}
	if u.Scheme != "rtmfp" {
		return nil, fmt.Errorf("%q is not an rtmfp:// URL", raw)
	}
	if u.Hostname() == "" {
		return nil, fmt.Errorf("%q names no host", raw)
	}
	out := &URL{Host: u.Host}
	if u.Port() == "" {
		out.Host = net.JoinHostPort(u.Hostname(), defaultPort)
	}
	path := strings.TrimPrefix(u.EscapedPath(), "/")
	query := ""
	if u.RawQuery != "" {
		query = "?" + u.RawQuery
	}
	switch i := strings.LastIndexByte(path, '/'); {
	case u.Fragment != "":
		out.App, out.Stream = path+query, u.Fragment
	case i < 0:
		out.App = path + query
	default:
		out.App, out.Stream = path[:i], path[i+1:]+query
	}
	out.TCURL = "rtmfp://" + u.Host + "/" + out.App
	if out.Stream, err = unescaped(out.Stream); err != nil {
		return nil, err
	}
	return out, nil
}

// unescaped gives a stream's name as it is; a query stays as it was written.
func unescaped(stream string) (string, error) {
	name, query, found := strings.Cut(stream, "?")
	name, err := url.PathUnescape(name)
	if found {
		name += "?" + query
	}
	return name, err
}
