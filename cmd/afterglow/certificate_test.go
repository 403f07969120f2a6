package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/tls"
	"os"
	"path/filepath"
	"testing"
	"time"

	"afterglow/configs"
	"afterglow/rtmp"
)

func TestSelfSignedCertificateIsKeptUntilItExpires(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	now := time.Now()
	load := func(at time.Time) *tls.Certificate {
		t.Helper()
		c, err := selfSigned(dir, at)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	first := load(now)
	if key, ok := first.Leaf.PublicKey.(*ecdsa.PublicKey); !ok || key.Curve != elliptic.P256() {
		t.Errorf("key %T", first.Leaf.PublicKey)
	}
	for _, name := range append(hostNames(), "127.0.0.1", "::1") {
		if err := first.Leaf.VerifyHostname(name); err != nil {
			t.Error(err)
		}
	}
	info, err := os.Stat(filepath.Join(dir, selfSignedKeyFile))
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode of the key: %v, %v", info.Mode(), err)
	}
	same := func(c *tls.Certificate) bool { return bytes.Equal(c.Leaf.Raw, first.Leaf.Raw) }
	if !same(load(now.Add(300 * 24 * time.Hour))) {
		t.Error("made anew while it holds")
	}
	if same(load(now.Add(selfSignedLife - selfSignedRenewal + time.Minute))) {
		t.Error("kept although it expires soon")
	}
	if err := os.WriteFile(filepath.Join(dir, selfSignedKeyFile), []byte("spoiled"), 0o600); err != nil {
		t.Fatal(err)
	}
	if same(load(now)) {
		t.Error("a spoiled key was kept")
	}
}

func TestSelfSignedCertificateIsRenewedWhileTheServerRuns(t *testing.T) {
	now := time.Now()
	c := &certificate{now: func() time.Time { return now }}
	config := configs.Default()
	config.Data.Dir = t.TempDir()
	if err := c.load(config); err != nil {
		t.Fatal(err)
	}
	get := func() *tls.Certificate {
		t.Helper()
		cert, err := c.get(nil)
		if err != nil {
			t.Fatal(err)
		}
		return cert
	}
	first := get()
	if get() != first {
		t.Error("made anew while it holds")
	}
	now = now.Add(selfSignedLife + time.Hour)
	second := get()
	if second == first || !now.Before(second.Leaf.NotAfter) {
		t.Errorf("expired on %v, shown on %v", second.Leaf.NotAfter, now)
	}
}

// writeCertificate writes a certificate for name and its key.
func writeCertificate(t *testing.T, dir, name string) (cert, key string) {
	t.Helper()
	certPEM, keyPEM, err := signSelf([]string{name}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key")
	for file, content := range map[string][]byte{cert: certPEM, key: keyPEM} {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// shownName returns the name in the certificate that the server shows.
func shownName(t *testing.T, n *testNode) string {
	t.Helper()
	d := &rtmp.Dialer{TLSConfig: &tls.Config{InsecureSkipVerify: true}}
	c, err := dialWith(t, d, "rtmps://"+n.addressOf("rtmps")+"/live")
	if err != nil {
		t.Fatal(err)
	}
	state, _ := c.TLS()
	return state.PeerCertificates[0].DNSNames[0]
}

func TestCertificateIsReloaded(t *testing.T) {
	n := startNode(t, "rtmps.listen=127.0.0.1:0")
	if name := shownName(t, n); name != "localhost" {
		t.Errorf("self-signed: %s", name)
	}
	cert, key := writeCertificate(t, n.dir, "one.example")
	n.reconfigure("rtmps.certificate="+cert, "rtmps.key="+key)
	if name := shownName(t, n); name != "one.example" {
		t.Errorf("configured: %s", name)
	}
	// A renewed certificate is written under the same name.
	otherCert, otherKey := writeCertificate(t, n.dir, "two.example")
	for from, to := range map[string]string{otherCert: cert, otherKey: key} {
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	n.reload()
	if name := shownName(t, n); name != "two.example" {
		t.Errorf("renewed: %s", name)
	}
	if err := os.WriteFile(cert, []byte("spoiled"), 0o600); err != nil {
		t.Fatal(err)
	}
	n.reconfigure("publish.takeover=always")
	n.logs.await(t, "configuration not reloaded", "rtmps.certificate")
	if name := shownName(t, n); name != "two.example" {
		t.Errorf("after a failure: %s", name)
	}
	if got := n.config.Load().Publish.Takeover; got != configs.TakeoverDead {
		t.Errorf("a failed reload changed publish.takeover to %s", got)
	}
}

func TestCertificateThatCannotBeReadKeepsTheServerFromStarting(t *testing.T) {
	dir := t.TempDir()
	cert, _ := writeCertificate(t, dir, "one.example")
	_, otherKey := writeCertificate(t, dir, "two.example")
	_, err := newNode(configs.Sources{Set: []string{
		"data.dir=" + dir, "rtmps.listen=127.0.0.1:0", "rtmps.certificate=" + cert, "rtmps.key=" + otherKey,
	}}, newLogBuffer())
	if err == nil {
		t.Error("a key of another certificate was taken")
	}
}
