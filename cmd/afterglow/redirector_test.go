package main

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
	"afterglow/rtmfp/redirector"
)

// startRedirector runs afterglow redirector with these arguments at a free port of loopback until the end of the test.
func startRedirector(t *testing.T, args ...string) (netip.AddrPort, *logBuffer) {
	t.Helper()
	c := parseRedirector(t, append([]string{"--listen", "127.0.0.1:0"}, args...)...)
	logs := newLogBuffer()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.run(ctx, logs) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		logs.await(t, "redirector ended")
	})
	line := logs.await(t, "redirector listening")
	_, address, _ := strings.Cut(line, "address=")
	address, _, _ = strings.Cut(address, " ")
	return netip.MustParseAddrPort(address), logs
}

func parseRedirector(t *testing.T, args ...string) *RedirectorCmd {
	t.Helper()
	c := new(cli)
	if _, err := newParser(c).Parse(append([]string{"redirector", "--name", "lb"}, args...)); err != nil {
		t.Fatal(err)
	}
	return &c.Redirector
}

// rtmfpEndpoint opens an endpoint on loopback that lets everybody in.
func rtmfpEndpoint(t *testing.T) *rtmfp.Endpoint {
	t.Helper()
	identity, err := flash.NewIdentity(flash.IdentityConfig{AcceptsAncillary: true, Groups: []flash.Group{flash.Group2}})
	if err != nil {
		t.Fatal(err)
	}
	e, err := rtmfp.Listen(t.Context(), rtmfp.Config{
		Crypto: flash.Profile{}, Addresses: []string{"127.0.0.1:0"}, Identity: identity,
		Listener: rtmfp.Listener{Accept: func(*rtmfp.Session) rtmfp.SessionHandler { return rtmfp.SessionFuncs{} }},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

// connectThrough gives where a client gets whom the redirector at an address sends away.
func connectThrough(t *testing.T, at netip.AddrPort) netip.AddrPort {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	s, err := rtmfpEndpoint(t).Dial(ctx, rtmfp.DialConfig{Addresses: []netip.AddrPort{at}, Discriminator: flash.URI("rtmfp://lb/live")})
	if err != nil {
		t.Fatal(err)
	}
	return s.Path().Addr
}

func TestRedirectorSendsClientsToRegisteredServers(t *testing.T) {
	t.Setenv(passwordVariable, "secret")
	at, logs := startRedirector(t, "--user", "farm")
	server := rtmfpEndpoint(t)
	registered := newLogBuffer()
	r, err := redirector.Register(server, redirector.RegistrarConfig{
		Name: "lb", Addresses: []string{at.String()}, Credentials: []redirector.Credential{{User: "farm", Password: []byte("secret")}},
		Log: slog.New(slog.NewTextHandler(registered, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	registered.await(t, "registered at redirector", "reflexive="+server.Addrs()[0].String())
	logs.await(t, "server registered", "level=INFO")
	if got := connectThrough(t, at); got != server.Addrs()[0] {
		t.Errorf("client at %v", got)
	}
	r.Close()
	logs.await(t, "server gone")
}

func TestRedirectorSendsClientsToTargets(t *testing.T) {
	server := rtmfpEndpoint(t).Addrs()[0]
	at, _ := startRedirector(t, "--target", server.String()+"=3")
	if got := connectThrough(t, at); got != server {
		t.Errorf("client at %v", got)
	}
}

func TestRedirectorWarnsWhenItIsOpen(t *testing.T) {
	_, logs := startRedirector(t, "--open")
	logs.await(t, "level=WARN", "--open")
}

func TestRedirectorSaysWhoHasThePort(t *testing.T) {
	taken, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	err = parseRedirector(t, "--open", "--listen", taken.LocalAddr().String()).run(t.Context(), newLogBuffer())
	if err == nil || !strings.Contains(err.Error(), "ss -lunp") {
		t.Error(err)
	}
}

func TestUsersOfARedirectorComeFromArgumentsEnvironmentAndFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "users")
	if err := os.WriteFile(file, []byte("# who may\n\nthird:with:colon\n  fourth:x  \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv(passwordVariable, "of the environment")
	users, err := parseRedirector(t, "--user", "first:a,b:c", "--user", "second", "--users", file).users()
	if err != nil || len(users) != 4 {
		t.Fatalf("%q, %v", users, err)
	}
	for name, want := range map[string]string{"first": "a,b:c", "second": "of the environment", "third": "with:colon", "fourth": "x"} {
		if got := string(users[name]); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestRedirectorRefusesArgumentsThatMakeNoSense(t *testing.T) {
	broken := filepath.Join(t.TempDir(), "users")
	if err := os.WriteFile(broken, []byte("fine:x\nbroken\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string][]string{
		"no server could register": nil,
		"no password":              {"--user", "farm"},
		"users:2":                  {"--users", broken},
		"no such file":             {"--users", broken + "s"},
		"port \"rtmfp\"":           {"--target", "127.0.0.1:rtmfp"},
		"missing port":             {"--target", "127.0.0.1"},
		"weight \"much\"":          {"--target", "127.0.0.1:1=much"},
		"weight 1001":              {"--target", "127.0.0.1:1=1001"},
		"--fallback":               {"--open", "--fallback", "127.0.0.1:0"},
		"9 answers":                {"--open", "--answers", "9"},
	} {
		err := parseRedirector(t, args...).run(t.Context(), newLogBuffer())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", args, err)
		}
	}
}
