package e2e

import (
	"path/filepath"
	"testing"

	"afterglow/netconn/overrtmp"
)

func TestEveryPlayerPlaysOverTLS(t *testing.T) {
	t.Parallel()
	film := sample(t, "av")
	for _, certificate := range []string{"made by the server", "of our own"} {
		t.Run("certificate "+certificate, func(t *testing.T) {
			t.Parallel()
			var settings []string
			if certificate == "of our own" {
				settings = ownCertificate(t)
			}
			s := serve(t, settings...)
			var all []player
			for _, p := range players {
				if !p.noTLS {
					all = append(all, p)
				}
			}
			begun := playAll(t, s, s.tlsURL("film"), "film", all)
			start(t, "afterglow", "publish", film, s.url("film")).wait(t)
			compareAll(t, s, framesOf(readFLV(t, film)), begun)
		})
	}
}

// ownCertificate has openssl make a certificate and returns the settings that use it.
func ownCertificate(t *testing.T) []string {
	t.Helper()
	dir := t.TempDir()
	certificate, key := filepath.Join(dir, "certificate.pem"), filepath.Join(dir, "key.pem")
	start(t, "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
		"-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate).wait(t)
	return []string{"rtmps.certificate=" + certificate, "rtmps.key=" + key}
}

func TestEveryPublisherPublishesOverTLS(t *testing.T) {
	t.Parallel()
	film := sample(t, "av")
	for _, p := range publishers {
		if p.noTLS {
			continue
		}
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t)
			v := view(t, s.tlsURL(""), "film", overrtmp.DialOptions{})
			want := p.publish(t, s.tlsURL("film"), film)
			v.awaitEnd(t)
			sameFrames(t, want, framesOf(v.seen()))
			s.awaitLine(t, 2, "msg=connect ", "protocol=rtmps")
		})
	}
}
