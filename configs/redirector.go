package configs

import (
	"errors"
	"net"
	"net/netip"
	"net/url"
	"strings"
)

// Redirector is a redirector at which the server registers.
type Redirector struct {
	// Address is where it is, host:port.
	Address string
	// Name is the name by which clients ask for the servers behind it.
	Name string
	// User and Password authenticate the server; both are empty where the redirector wants neither.
	User, Password string
}

// maxRedirectorName is the most bytes of a redirector's name.
const maxRedirectorName = 255

var errRedirector = errors.New("not of the form rtmfp://user:password@host:port/NAME")

// ParseRedirector reads "rtmfp://user:password@host:port/NAME"; "user:password@" may be missing. What would have a meaning
// of its own in a URL, and a comma, is percent-encoded. The error does not repeat the text, which may hold a password.
func ParseRedirector(text string) (Redirector, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "rtmfp" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || !validServer(u.Host) {
		return Redirector{}, errRedirector
	}
	r := Redirector{Address: u.Host, Name: strings.TrimPrefix(u.Path, "/")}
	if r.Name == "" || len(r.Name) > maxRedirectorName || strings.ContainsFunc(r.Name, isControl) {
		return Redirector{}, errRedirector
	}
	if u.User != nil {
		r.User = u.User.Username()
		r.Password, _ = u.User.Password()
		if r.User == "" || r.Password == "" {
			return Redirector{}, errRedirector
		}
	}
	return r, nil
}

// validServer tells whether the text is host:port of another server.
func validServer(text string) bool {
	host, port, err := net.SplitHostPort(text)
	if err != nil || host == "" || strings.Trim(port, "0") == "" || !validAddress(text) {
		return false
	}
	address, err := netip.ParseAddr(host)
	return err != nil || !address.IsUnspecified() && !address.IsMulticast()
}
