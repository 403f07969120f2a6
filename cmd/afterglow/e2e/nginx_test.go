package e2e

import (
	"fmt"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"testing"
	"time"
)

// nginx starts Debian's nginx-rtmp on a free port of loopback and returns its address.
func nginx(t *testing.T) string {
	t.Helper()
	module := "/usr/lib/nginx/modules/ngx_rtmp_module.so"
	binary := find(t, "nginx")
	if _, err := os.Stat(module); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("libnginx-mod-rtmp is not installed: tools/install-test-programs installs it")
		}
		t.Skip("libnginx-mod-rtmp is not installed: tools/install-test-programs installs it")
	}
	dir := t.TempDir()
	account := ""
	if me, err := user.Current(); err == nil && me.Uid == "0" {
		account = "user " + me.Username + ";"
	}
	for range 5 {
		address := freeAddress(t)
		config := filepath.Join(dir, "nginx.conf")
		writeFile(t, config, fmt.Sprintf(`load_module %s; %s
daemon off; master_process off; worker_processes 1; pid %s/pid; error_log stderr notice;
events { worker_connections 64; }
rtmp { access_log %s/access.log; server { listen %s; application live { live on; publish_notify on; } } }
`, module, account, dir, dir, address))
		n := start(t, binary, "-p", dir, "-c", config, "-e", "stderr")
		if opened(n, address) {
			return address
		}
		t.Logf("nginx: %s", n.stderr.String())
	}
	t.Fatal("nginx does not start")
	return ""
}

// freeAddress returns an address that was free a moment ago, for programs that cannot say which they took.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// opened waits until a program takes connections, and says no when it ends instead.
func opened(p *started, address string) bool {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if c, err := net.Dial("tcp", address); err == nil {
			_ = c.Close()
			return true
		}
		select {
		case <-p.done:
			return false
		case <-time.After(10 * time.Millisecond):
		}
	}
	return false
}

// TestPublishAndPlayTalkToBothServers plays in step with nginx, which begins at a keyframe and says nothing at the end:
// the player is there before the publisher and stops after a given time.
func TestPublishAndPlayTalkToBothServers(t *testing.T) {
	t.Parallel()
	film := sample(t, "av")
	for _, flags := range [][]string{nil, {"--plain"}, {"--amf3"}, {"--classic"}} {
		t.Run(fmt.Sprint("nginx-rtmp ", flags), func(t *testing.T) {
			t.Parallel()
			url := "rtmp://" + nginx(t) + "/live/film"
			bothWays(t, url, film, flags)
		})
		t.Run(fmt.Sprint("afterglow ", flags), func(t *testing.T) {
			t.Parallel()
			bothWays(t, serve(t).url("film"), film, flags)
		})
	}
}

func bothWays(t *testing.T, url, film string, flags []string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "played.flv")
	p := start(t, "afterglow", append([]string{"play", url, "-o", file}, flags...)...)
	// The line of statistics is shown once the server has agreed to play.
	p.awaitLine(t, 1, "video 0 ()")
	start(t, "afterglow", append([]string{"publish", film, url}, flags...)...).wait(t)
	p.wait(t)
	sameFrames(t, framesOf(readFLV(t, film)), framesOf(readFLV(t, file)))
}
