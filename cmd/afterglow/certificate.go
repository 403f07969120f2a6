package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"afterglow/configs"
)

// The self-signed certificate's files under data.dir, how long it holds, and how long before its end it is made anew.
const (
	selfSignedFile    = "self-signed.crt"
	selfSignedKeyFile = "self-signed.key"
	selfSignedLife    = 397 * 24 * time.Hour
	selfSignedRenewal = 30 * 24 * time.Hour
)

// certificate is what RTMPS shows to clients. A reload puts another in its place.
type certificate struct {
	now     func() time.Time
	current atomic.Pointer[tls.Certificate]

	mu  sync.Mutex // held while a self-signed one is made
	dir string     // of the self-signed one; empty when the configuration has one
}

// load reads the certificate of the configuration, or makes sure that there is a self-signed one. What was loaded
// before stays when that fails.
func (c *certificate) load(config *configs.Config) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if config.RTMPS.Certificate != "" {
		cert, err := readCertificate(config.RTMPS)
		if err == nil {
			c.dir = ""
			c.current.Store(cert)
		}
		return err
	}
	cert, err := selfSigned(config.Data.Dir, c.now())
	if err == nil {
		c.dir = config.Data.Dir
		c.current.Store(cert)
	}
	return err
}

// get is a tls.Config's GetCertificate. A server that runs for longer than a self-signed certificate holds gets a new
// one here.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	cert := c.current.Load()
	if c.now().Before(cert.Leaf.NotAfter) {
		return cert, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dir == "" {
		return cert, nil
	}
	if renewed, err := selfSigned(c.dir, c.now()); err == nil {
		c.current.Store(renewed)
		return renewed, nil
	}
	return cert, nil
}

// selfMade says whether the certificate is the server's own make.
func (c *certificate) selfMade() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dir != ""
}

func readCertificate(c configs.RTMPS) (*tls.Certificate, error) {
	cert, err := tls.LoadX509KeyPair(c.Certificate, c.Key)
	if err != nil {
		return nil, fmt.Errorf("rtmps.certificate %s with rtmps.key %s: %w", c.Certificate, c.Key, err)
	}
	return &cert, nil
}

// selfSigned returns the kept certificate, or a new one where there is none that still holds for this host.
func selfSigned(dir string, now time.Time) (*tls.Certificate, error) {
	certFile, keyFile := filepath.Join(dir, selfSignedFile), filepath.Join(dir, selfSignedKeyFile)
	names := hostNames()
	kept, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err == nil && now.Before(kept.Leaf.NotAfter.Add(-selfSignedRenewal)) && slices.Equal(kept.Leaf.DNSNames, names) {
		return &kept, nil
	}
	certPEM, keyPEM, err := signSelf(names, now)
	if err != nil {
		return nil, fmt.Errorf("self-signed certificate: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("data.dir: %w", err)
	}
	if err := writePrivately(keyFile, keyPEM); err != nil {
		return nil, fmt.Errorf("data.dir: %w", err)
	}
	if err := writePrivately(certFile, certPEM); err != nil {
		return nil, fmt.Errorf("data.dir: %w", err)
	}
	made, err := tls.X509KeyPair(certPEM, keyPEM)
	return &made, err
}

// hostNames are the names under which this host is reached.
func hostNames() []string {
	names := []string{"localhost"}
	if host, err := os.Hostname(); err == nil && host != "" && host != "localhost" {
		names = append(names, host)
	}
	return names
}

func signSelf(names []string, now time.Time) (certPEM, keyPEM []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: names[len(names)-1], Organization: []string{"Afterglow, self-signed"}},
		NotBefore:             now.Add(-time.Hour), // for clients whose clocks are behind
		NotAfter:              now.Add(selfSignedLife),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		DNSNames:              names,
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	certPEM = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return certPEM, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), nil
}
