package e2e

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"afterglow/amf"
	"afterglow/netconn"
)

// installRTMPClient installs npm's rtmp-client, in the version that testdata names, and returns where the program is
// that follows a shared object with it.
var installRTMPClient = sync.OnceValues(func() (string, error) {
	dir := filepath.Join(runDir, "rtmp-client")
	if err := os.CopyFS(dir, os.DirFS("testdata/rtmp-client")); err != nil {
		return "", err
	}
	install := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=5")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm ci: %w\n%s", err, out)
	}
	return filepath.Join(dir, "follow.js"), nil
})

// foreign is a process of rtmp-client that follows one object.
type foreign struct {
	*started
	t    *testing.T
	tell io.Writer
	said map[string]int
}

func followWithRTMPClient(t *testing.T, s *server, name string) *foreign {
	t.Helper()
	find(t, "npm")
	program, err := installRTMPClient()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(find(t, "node"), program, "rtmp://"+s.rtmp+"/live", name)
	tell, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	f := &foreign{started: startCommand(t, cmd), t: t, tell: tell, said: make(map[string]int)}
	f.says("connection NetConnection.Connect.Success")
	f.says("object SharedObject.Proxy.Connect") // what it makes of use success
	return f
}

// order has the client do something.
func (f *foreign) order(format string, args ...any) {
	f.t.Helper()
	if _, err := fmt.Fprintf(f.tell, format+"\n", args...); err != nil {
		f.t.Fatal(err)
	}
}

// says waits until the client has said a line once more than it was asked about before.
func (f *foreign) says(line string) {
	f.t.Helper()
	f.said[line]++
	f.awaitIn(f.t, &f.stdout, f.said[line], line)
}

// shows says what the client sees.
func (f *foreign) shows(want string) {
	f.t.Helper()
	f.order("show")
	f.says("shows " + want)
}

// ours is a client of this project that follows an object.
type ours struct {
	*netconn.RemoteSharedObject
	t    *testing.T
	sync chan string
}

func followWithOurs(t *testing.T, url, name string) *ours {
	t.Helper()
	c, err := connectTo(within(t), url, netconn.AMF3)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	o := &ours{t: t, sync: make(chan string, 100)}
	o.RemoteSharedObject, err = c.SharedObject(name, netconn.SharedObjectOptions{Sync: func(changes []netconn.SyncChange) {
		for _, c := range changes {
			o.sync <- string(c.Code) + " " + c.Name
		}
	}})
	if err == nil {
		err = o.Wait(within(t))
	}
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// sees waits until something has happened, and a property is what it should be then.
func (o *ours) sees(what, property, want string) {
	o.t.Helper()
	for {
		select {
		case got := <-o.sync:
			if got != what {
				continue
			}
			if v, _ := o.Get(property); amf.Format(v) != want {
				o.t.Fatalf("%s is %s, want %s", property, amf.Format(v), want)
			}
			return
		case <-within(o.t).Done():
			o.t.Fatalf("%s does not happen", what)
		}
	}
}

func TestRTMPClientOfNPMSharesObjects(t *testing.T) {
	t.Parallel()
	s := serve(t)
	for name, url := range map[string]string{
		"talk/rtmp":  "rtmp://" + s.rtmp + "/live",
		"talk/rtmfp": "rtmfp://" + s.listening(t, "rtmfp") + "/live",
	} {
		one, two := followWithRTMPClient(t, s, name), followWithRTMPClient(t, s, name)
		own := followWithOurs(t, url, name)

		one.order(`set text "a \u00e4 \u6f22"`)
		two.says(`change text "a ä 漢"`)
		own.sees("change text", "text", `"a ä 漢"`)
		two.order("set number 1.5")
		one.says("change number 1.5")
		own.sees("change number", "number", "1.5")
		if err := own.Set("deep", amf.NewObject(amf.Property{Name: "list", Value: amf.NewArray(1.0, true, nil)})); err != nil {
			t.Fatal(err)
		}
		own.sees("success deep", "deep", "{list: [1, true, null]}")
		one.says(`change deep {"list":[1,true,null]}`)
		two.says(`change deep {"list":[1,true,null]}`)
		if err := own.Set("text", "again"); err != nil {
			t.Fatal(err)
		}
		one.says(`change text "again"`)
		two.says(`change text "again"`)
		one.order("remove number")
		one.says("delete number")
		two.says("delete number")
		own.sees("delete number", "number", "null")

		// It takes no notice of success, and so does not know what it has set itself: others do, and it too when it comes
		// again.
		one.order("set mine 1")
		two.says("change mine 1")
		one.shows(`{"deep":{"list":[1,true,null]},"text":"again"}`)
		all := `{"deep":{"list":[1,true,null]},"mine":1,"text":"again"}`
		two.shows(all)
		own.sees("change mine", "mine", "1")
		one.order("end")
		one.wait(t)
		followWithRTMPClient(t, s, name).shows(all)
	}
}
