package e2e

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"afterglow/amf"
	"afterglow/media"
	"afterglow/netconn/overrtmp"
)

// obs speaks as OBS does: C0 and C1 of the plain handshake, then C2, SetChunkSize and connect in one segment.
type obs struct {
	conn net.Conn
	said output
}

const obsChunkSize = 4096

// publishLikeOBS publishes a file the way OBS begins.
func publishLikeOBS(t *testing.T, rawURL, film string) []frame {
	t.Helper()
	host, app, name := splitURL(t, rawURL)
	conn, err := net.Dial("tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	o := &obs{conn: conn}
	s1 := o.handshake(t)
	tcURL := "rtmp://" + host + "/" + app
	// C2 echoes S1; the two messages follow at once.
	o.send(t, s1,
		o.message(2, 1, 0, 0, binary.BigEndian.AppendUint32(nil, obsChunkSize)),
		o.command(t, 3, 0, "connect", 1, amf.NewObject(
			amf.Property{Name: "app", Value: app},
			amf.Property{Name: "type", Value: "nonprivate"},
			amf.Property{Name: "flashVer", Value: "FMLE/3.0 (compatible; FMSc/1.0)"},
			amf.Property{Name: "swfUrl", Value: tcURL},
			amf.Property{Name: "tcUrl", Value: tcURL},
		)))
	heard := make(chan struct{})
	go func() {
		defer close(heard)
		_, _ = io.Copy(&o.said, conn)
	}()
	o.until(t, "NetConnection.Connect.Success")
	o.send(t, o.command(t, 3, 0, "releaseStream", 2, nil, name),
		o.command(t, 3, 0, "FCPublish", 3, nil, name),
		o.command(t, 3, 0, "createStream", 4, nil))
	o.until(t, "_result\x00\x40\x10")
	o.send(t, o.command(t, 4, 1, "publish", 5, nil, name, "live"))
	o.until(t, "NetStream.Publish.Start")
	packets := readFLV(t, film)
	for _, p := range packets {
		payload := p.Payload
		if p.Kind == media.KindData {
			payload = append(amf.AppendString0(nil, "@setDataFrame"), payload...)
		}
		o.send(t, o.message(4, uint8(p.Kind), 1, p.Timestamp, payload))
	}
	o.send(t, o.command(t, 3, 0, "FCUnpublish", 6, nil, name), o.command(t, 3, 0, "deleteStream", 7, nil, 1.0))
	_ = conn.(*net.TCPConn).CloseWrite()
	<-heard
	return framesOf(packets)
}

// handshake sends C0 and C1 and returns S1.
func (o *obs) handshake(t *testing.T) []byte {
	t.Helper()
	c0c1 := make([]byte, 1+1536)
	c0c1[0] = 3
	binary.BigEndian.PutUint32(c0c1[1:], 0x12345678)
	for i := 9; i < len(c0c1); i++ {
		c0c1[i] = byte(i * 7)
	}
	o.send(t, c0c1)
	answer := make([]byte, 1+2*1536)
	if _, err := io.ReadFull(o.conn, answer); err != nil {
		t.Fatalf("S0, S1 and S2: %v", err)
	}
	if answer[0] != 3 || !bytes.Equal(answer[1+1536+8:], c0c1[9:]) {
		t.Fatal("S2 does not echo C1")
	}
	return answer[1 : 1+1536]
}

// send writes everything in one segment.
func (o *obs) send(t *testing.T, parts ...[]byte) {
	t.Helper()
	if _, err := o.conn.Write(bytes.Join(parts, nil)); err != nil {
		t.Fatal(err)
	}
}

// message makes the chunks of a message with a header of type 0.
func (o *obs) message(chunkStream, kind uint8, stream, timestamp uint32, payload []byte) []byte {
	n := len(payload)
	b := []byte{chunkStream, byte(timestamp >> 16), byte(timestamp >> 8), byte(timestamp), byte(n >> 16), byte(n >> 8), byte(n), kind}
	b = binary.LittleEndian.AppendUint32(b, stream)
	for len(payload) > obsChunkSize {
		b = append(append(b, payload[:obsChunkSize]...), 0xC0|chunkStream)
		payload = payload[obsChunkSize:]
	}
	return append(b, payload...)
}

func (o *obs) command(t *testing.T, chunkStream uint8, stream uint32, name string, transaction float64, args ...amf.Value) []byte {
	t.Helper()
	b, err := amf.Append0(nil, append([]amf.Value{name, transaction}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	return o.message(chunkStream, 20, stream, 0, b)
}

// until waits until the server has sent the word.
func (o *obs) until(t *testing.T, word string) {
	t.Helper()
	timeout := time.After(patience)
	for {
		text, more := o.said.next()
		if bytes.Contains([]byte(text), []byte(word)) {
			return
		}
		select {
		case <-more:
		case <-timeout:
			t.Fatalf("the server did not send %q", word)
		}
	}
}

// TestOBSPublishes runs OBS itself. It is large, so that tools/install-test-programs leaves it out: this test is for
// whoever has it.
func TestOBSPublishes(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"obs", "xvfb-run"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("%s is not installed; its first bytes are replayed in TestEveryPublisherIsReceivedFrameForFrame", name)
		}
	}
	s := serve(t)
	v := view(t, s.url(""), "studio", overrtmp.DialOptions{})
	home := t.TempDir()
	profile := filepath.Join(home, "obs-studio", "basic", "profiles", "T")
	writeFile(t, filepath.Join(home, "obs-studio", "global.ini"), "[General]\nFirstRun=true\nLastVersion=486539266\n[BasicWindow]\nWarnBeforeStartingStream=false\n")
	writeFile(t, filepath.Join(profile, "basic.ini"), "[General]\nName=T\n[Video]\nBaseCX=320\nBaseCY=180\nOutputCX=320\nOutputCY=180\n[SimpleOutput]\nVBitrate=400\nStreamEncoder=x264\n")
	writeFile(t, filepath.Join(profile, "service.json"), fmt.Sprintf(`{"type":"rtmp_custom","settings":{"server":"rtmp://%s/live","key":"studio"}}`, s.rtmp))
	cmd := exec.Command("xvfb-run", "-a", "obs", "--multi", "--startstreaming", "--profile", "T", "--collection", "T", "--minimize-to-tray")
	cmd.Env = append(os.Environ(), "XDG_CONFIG_HOME="+home, "HOME="+home, "LIBGL_ALWAYS_SOFTWARE=1", "QT_QPA_PLATFORM=xcb")
	studio := startCommand(t, cmd)
	s.awaitPublisher(t, "studio", 1)
	v.awaitVideo(t, 60)
	studio.signal(syscall.SIGKILL)
	beginsWell(t, v.seen())
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
