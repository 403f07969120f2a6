package rtmp

import (
	"fmt"
	"net"
	"net/url"
	"strings"
)

// URL is an RTMP URL taken apart (RTMP URIs, 2024).
type URL struct {
	Scheme string // rtmp or rtmps
	Host   string // host and port; the port is filled in
	App    string // application, instance and their query: the connect command's app
	TCURL  string // the connect command's tcUrl, without user information and stream
	Stream string // stream name and its query, empty when the URL names none
}

// ParseURL takes rtmp://host[:port]/app[/instance]/stream[?query] apart. The stream is the fragment if there is one;
// else, as most programs have it, the last element of a path of two and more, with the query.
func ParseURL(raw string) (*URL, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, err
	}
	out := &URL{Scheme: u.Scheme, Host: u.Host}
	port := "1935"
	switch u.Scheme {
	case "rtmp":
	case "rtmps":
		port = "443"
	default:
		return nil, fmt.Errorf("%q is not an rtmp:// or rtmps:// URL", raw)
	}
	if u.Hostname() == "" {
		return nil, fmt.Errorf("%q names no host", raw)
	}
	if u.Port() == "" {
		out.Host = net.JoinHostPort(u.Hostname(), port)
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
		out.App, out.Stream = path[:i], unescape(path[i+1:])+query
		if out.Stream == query {
			out.App, out.Stream = path[:i]+query, ""
		}
	}
	out.TCURL = u.Scheme + "://" + u.Host + "/" + out.App
	return out, nil
}

func unescape(s string) string {
	if t, err := url.PathUnescape(s); err == nil {
		return t
	}
	return s
}
