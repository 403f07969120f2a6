package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"afterglow/configs"
	"afterglow/rtmfp"
	"afterglow/rtmfp/redirector"
)

// RedirectorCmd runs a load balancer for RTMFP servers.
type RedirectorCmd struct {
	Listen        []string      `help:"UDP address to listen at; may be given again (default :1935)." default:":1935" placeholder:"ADDRESS"`
	Name          string        `required:"" help:"Name by which servers find this redirector; need not be in DNS." placeholder:"NAME"`
	User          []string      `sep:"none" help:"User who may register servers, and password; may be given again. The password of NAME alone is in AFTERGLOW_REDIRECTOR_PASSWORD." placeholder:"NAME[:PASSWORD]"`
	Users         string        `help:"File with more of them, NAME:PASSWORD on each line." placeholder:"FILE"`
	Open          bool          `help:"Let any server register without a password."`
	Target        []string      `sep:"none" help:"Server that does not register; with WEIGHT so many times the clients of another one. May be given again." placeholder:"HOST:PORT[=WEIGHT]"`
	Fallback      []string      `sep:"none" help:"Address for clients when there is no server; may be given again. Without it they get no answer." placeholder:"HOST:PORT"`
	Answers       int           `help:"Servers that are named to a client; it takes the first that answers (1 to 8)." default:"2"`
	Vanished      time.Duration `help:"How long a server is offered that has died without a word." default:"15s"`
	MaxServers    int           `help:"Servers that may be registered." default:"1024"`
	MaxPerAddress int           `help:"Sessions that may come from one address." default:"64"`
	LogLevel      slog.Level    `help:"debug, info, warn or error." default:"info"`
}

// passwordVariable has the password of users who are named without one.
const passwordVariable = "AFTERGLOW_REDIRECTOR_PASSWORD"

// Help is shown by afterglow redirector --help.
func (RedirectorCmd) Help() string {
	return `Servers register here and tell how busy they are. Clients that connect to this address by rtmfp are sent to the least busy ones.

Examples:
  AFTERGLOW_REDIRECTOR_PASSWORD=secret afterglow redirector --name lb.example.com --user farm
  afterglow redirector --name lb.example.com --users /etc/afterglow-users
  afterglow redirector --name lb.example.com --target 192.0.2.1:1935 --target 192.0.2.2:1935=3`
}

// Run redirects until ctx ends or a socket fails.
func (c *RedirectorCmd) Run(ctx context.Context) error { return c.run(ctx, os.Stderr) }

func (c *RedirectorCmd) run(ctx context.Context, logs io.Writer) error {
	log := newLogger(configs.FormatText, c.LogLevel, logs)
	server, err := c.server(ctx, log)
	if err != nil {
		return err
	}
	endpoint, err := rtmfp.Listen(ctx, server.Endpoint(rtmfp.Config{Addresses: c.Listen}))
	if err != nil {
		return redirectorListenError(err)
	}
	for _, address := range endpoint.Addrs() {
		log.Info("redirector listening", "address", address, "name", c.Name, "targets", len(c.Target))
	}
	if c.Open {
		log.Warn("any server may register and have clients sent to it: --open")
	}
	ended := make(chan error, 1)
	go func() { ended <- endpoint.Wait() }()
	err = watchRedirector(ctx, ended, server, log)
	log.Info("redirector ended", statsOfRedirector(server)...)
	return errors.Join(err, shutDown(endpoint))
}

// watchRedirector waits for the end, and writes statistics meanwhile.
func watchRedirector(ctx context.Context, ended <-chan error, server *redirector.Server, log *slog.Logger) error {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-ended:
			return err
		case <-tick.C:
			log.Debug("redirector statistics", statsOfRedirector(server)...)
		}
	}
}

// shutDown tells the servers that it is over, but does not wait for them long.
func shutDown(endpoint *rtmfp.Endpoint) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	err := endpoint.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		return nil // who has not answered will notice
	}
	return err
}

func statsOfRedirector(server *redirector.Server) []any {
	s := server.Stats()
	return []any{
		"servers", s.Servers, "draining", s.Draining, "pending", s.Pending, "registrations", s.Registrations, "gone", s.Gone,
		"hellos", s.Hellos, "redirects", s.Redirects, "unanswered", s.Unanswered, "forwards", s.Forwards,
		"refusedPassword", s.RefusedPassword, "refusedFull", s.RefusedFull, "refusedMessage", s.RefusedMessage,
	}
}

// server makes the redirector that the command line describes.
func (c *RedirectorCmd) server(ctx context.Context, log *slog.Logger) (*redirector.Server, error) {
	users, err := c.users()
	if err != nil {
		return nil, err
	}
	if len(users) == 0 && !c.Open && len(c.Target) == 0 {
		return nil, errors.New("no server could register, and no target is given: use --user, --users, --target, or --open for trusted networks")
	}
	config := redirector.ServerConfig{
		Name: c.Name, Users: users, Open: c.Open, Answers: c.Answers, Log: log,
		Limits: redirector.Limits{Registrations: c.MaxServers, PerAddress: c.MaxPerAddress, Vanished: c.Vanished},
	}
	for _, t := range c.Target {
		target, err := parseTarget(ctx, t)
		if err != nil {
			return nil, fmt.Errorf("--target: %w", err)
		}
		config.Targets = append(config.Targets, target)
	}
	for _, f := range c.Fallback {
		found, err := lookUpTarget(ctx, f)
		if err != nil {
			return nil, fmt.Errorf("--fallback: %w", err)
		}
		config.Fallback = append(config.Fallback, found...)
	}
	return redirector.NewServer(config)
}

// users gives the passwords by name, from the command line, the environment and the file.
func (c *RedirectorCmd) users() (map[string][]byte, error) {
	users := make(map[string][]byte)
	for _, user := range c.User {
		name, password, ok := strings.Cut(user, ":")
		if !ok {
			password = os.Getenv(passwordVariable)
		}
		if name == "" || password == "" {
			return nil, fmt.Errorf("--user %s: no password: want NAME:PASSWORD, or NAME with the password in %s", name, passwordVariable)
		}
		users[name] = []byte(password)
	}
	if c.Users == "" {
		return users, nil
	}
	return users, readUsers(c.Users, users)
}

// readUsers adds those of a file. Empty lines and those that begin with # are passed over.
func readUsers(path string, users map[string][]byte) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("--users: %w", err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		name, password, _ := strings.Cut(line, ":")
		if name == "" || password == "" {
			return fmt.Errorf("--users: %s:%d: want NAME:PASSWORD", path, n)
		}
		users[name] = []byte(password)
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("--users: %w", err)
	}
	return nil
}

// parseTarget reads HOST:PORT or HOST:PORT=WEIGHT.
func parseTarget(ctx context.Context, s string) (redirector.Target, error) {
	address, share, weighted := strings.Cut(s, "=")
	t := redirector.Target{Weight: 1}
	if weighted {
		weight, err := strconv.Atoi(share)
		if err != nil || weight < 1 {
			return t, fmt.Errorf("weight %q: want a number from 1", share)
		}
		t.Weight = weight
	}
	var err error
	t.Addresses, err = lookUpTarget(ctx, address)
	return t, err
}

// lookUpTarget gives the addresses of HOST:PORT.
func lookUpTarget(ctx context.Context, address string) ([]netip.AddrPort, error) {
	host, service, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	port, err := strconv.ParseUint(service, 10, 16)
	if err != nil || port == 0 {
		return nil, fmt.Errorf("port %q: want a number from 1 to 65535", service)
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	var all []netip.AddrPort
	for _, ip := range ips[:min(len(ips), redirector.MaxAddresses)] {
		if at := netip.AddrPortFrom(ip.Unmap(), uint16(port)); !slices.Contains(all, at) {
			all = append(all, at)
		}
	}
	return all, nil
}

// redirectorListenError says what can be done about sockets that do not open.
func redirectorListenError(err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("--listen: %w: another program has the port (see which: ss -lunp); stop it, or take another, as in --listen :1936", err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("--listen: %w: ports below 1024 need the capability CAP_NET_BIND_SERVICE; take another, as in --listen :1936", err)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("--listen: %w: this host has no such address; use one of its own, or none for all, as in --listen :1935", err)
	}
	return fmt.Errorf("--listen: %w", err)
}
