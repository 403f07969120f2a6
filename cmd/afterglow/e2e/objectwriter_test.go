package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	neturl "net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"afterglow/amf"
	"afterglow/netconn"
	"afterglow/netconn/overrtmfp"
	"afterglow/netconn/overrtmp"
	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
)

// connectTo connects to an application over whichever transport the URL says.
func connectTo(ctx context.Context, url string, e netconn.Encoding) (*netconn.Client, error) {
	u, err := neturl.Parse(url)
	if err != nil {
		return nil, err
	}
	o := netconn.ConnectOptions{App: strings.Trim(u.Path, "/"), TCURL: url, Encoding: e}
	if u.Scheme == "rtmp" {
		return overrtmp.Dial(ctx, url, overrtmp.DialOptions{Connect: o})
	}
	c, err := overrtmfp.Dial(ctx, url, overrtmfp.DialOptions{Connect: o,
		Listen: rtmfp.Config{Crypto: flash.Profile{}, Addresses: []string{"127.0.0.1:0"}}})
	if err != nil {
		return nil, err
	}
	return c.Client, nil
}

// writer is a client of the board, which it follows over one connection after the other.
type writer struct {
	name     string
	over     string
	encoding netconn.Encoding
	soak     *soak
	random   *rand.Rand
	client   *netconn.Client
	object   *netconn.RemoteSharedObject
	done     deeds

	mu         sync.Mutex
	keys       []*ownKey
	version    uint32        // greatest that was seen
	changed    chan struct{} // closed at the next change
	complaints []string
}

// deeds counts what a writer has done.
type deeds struct{ writes, confirmed, flushes, commits, connections int }

func (d deeds) String() string {
	return fmt.Sprintf("%d writes, %d confirmed, %d flushes, %d commits, %d connections", d.writes, d.confirmed, d.flushes, d.commits, d.connections)
}

// complain notes what must not be.
func (w *writer) complain(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.complainLocked(format, args...)
}

func (w *writer) complainLocked(format string, args ...any) {
	w.complaints = append(w.complaints, w.name+": "+fmt.Sprintf(format, args...))
}

func (w *writer) report(t *testing.T) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.complaints {
		t.Error(c)
	}
	w.complaints = nil
}

func (w *writer) sawVersion() uint32 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.version
}

// come connects and follows the board from where it was.
func (w *writer) come(ctx context.Context) {
	client, err := connectTo(ctx, w.soak.over[w.over], w.encoding)
	if err != nil {
		w.complain("cannot connect: %v", err)
		return
	}
	w.client = client
	w.done.connections++
	var object *netconn.RemoteSharedObject
	ready := make(chan struct{})
	object, err = client.SharedObject("board", netconn.SharedObjectOptions{Persistent: true, Resume: w.object,
		Sync: func(changes []netconn.SyncChange) {
			<-ready
			w.synced(object, changes)
		}})
	if err == nil {
		w.mu.Lock() // the connection before may still have something to say
		w.object = object
		w.mu.Unlock()
	}
	close(ready)
	if err == nil {
		err = object.Wait(ctx)
	}
	if err != nil {
		w.complain("cannot follow the board: %v", err)
	}
}

// leave ends the connection. What was asked for and is not confirmed may come true or not, also later: those keys are not
// written again before the server has been seen to end.
func (w *writer) leave() {
	if w.client != nil {
		w.client.Close()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, k := range w.keys {
		k.abandoned = k.abandoned || k.open
		k.open = false
	}
}

// synced looks at what the server says.
func (w *writer) synced(o *netconn.RemoteSharedObject, changes []netconn.SyncChange) {
	w.mu.Lock()
	defer w.mu.Unlock()
	close(w.changed)
	w.changed = make(chan struct{})
	if o != w.object {
		return // an earlier connection's
	}
	if v := o.Version(); v < w.version {
		w.complainLocked("version %d came after %d", v, w.version)
	} else {
		w.version = v
	}
	now := time.Now()
	for _, c := range changes {
		for _, k := range w.keys {
			if k.name == c.Name {
				k.synced(c.Code, now)
			}
		}
	}
	all := o.Snapshot()
	if !same(all["batch0"], all["batch1"]) || !same(all["batch0"], all["batch2"]) {
		w.complainLocked("a batch is torn: %v %v %v", all["batch0"], all["batch1"], all["batch2"])
	}
}

// run does one thing after another until ctx ends.
func (w *writer) run(ctx context.Context) {
	for ctx.Err() == nil {
		switch n := w.random.IntN(40); {
		case n == 0:
			w.leave()
			w.come(within(w.soak.t))
		case n < 4 && w.soak.stores:
			w.store(ctx, []string{"flush", "commit"}[n%2])
		case n < 6 && w.soak.stores: // a batch is stored for itself, with all that there is
			_ = w.client.Notify("batch")
		case n < 10:
			_ = w.object.Delete(w.shared())
		case n < 16:
			_ = w.object.Set(w.shared(), w.random.Float64())
		default:
			w.own()
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(w.random.IntN(8)) * time.Millisecond): // who writes
		}
	}
}

// change deletes one of the shared properties and sets another.
func (w *writer) change(ctx context.Context) {
	_ = w.object.Delete(w.shared())
	_ = w.object.Set(w.shared(), w.random.Float64())
	w.settle(ctx)
}

// shared is a property that all writers write.
func (w *writer) shared() string { return fmt.Sprint("shared", w.random.IntN(6)) }

// ownKeys is how many properties of its own a writer writes at a time.
const ownKeys = 8

// own writes a property of the writer's own that has nothing open.
func (w *writer) own() {
	w.mu.Lock()
	var free []*ownKey
	usable := 0
	for _, k := range w.keys {
		if k.abandoned {
			continue
		}
		if usable++; !k.open {
			free = append(free, k)
		}
	}
	if usable < ownKeys {
		k := &ownKey{name: fmt.Sprintf("%s %d", w.name, len(w.keys))}
		w.keys = append(w.keys, k)
		free = append(free, k)
	}
	if len(free) == 0 {
		w.mu.Unlock()
		return
	}
	k := free[w.random.IntN(len(free))]
	k.open = true
	k.last++
	value := k.value(k.last)
	w.done.writes++
	w.mu.Unlock()
	if value == nil {
		_ = w.object.Delete(k.name)
		return
	}
	_ = w.object.Set(k.name, value)
}

// store has the application store the board, and notes what must be there for ever if it says that it has.
func (w *writer) store(ctx context.Context, how string) {
	w.mu.Lock()
	confirmed := make(map[*ownKey]int)
	for _, k := range w.keys {
		confirmed[k] = k.confirmed()
	}
	w.mu.Unlock()
	v, err := w.client.Call(ctx, how)
	if err != nil {
		return
	}
	if v != true {
		w.complain("%s: the application says %v", how, v)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if how == "flush" {
		w.done.flushes++
	} else {
		w.done.commits++
	}
	for k, n := range confirmed {
		k.floor = max(k.floor, n)
	}
}

// settle waits until everything is confirmed.
func (w *writer) settle(ctx context.Context) {
	for {
		w.mu.Lock()
		open, more := 0, w.changed
		for _, k := range w.keys {
			if k.open {
				open++
			}
		}
		w.mu.Unlock()
		if open == 0 {
			break
		}
		select {
		case <-more:
		case <-ctx.Done():
			w.complain("%d writes are neither confirmed nor refused", open)
			return
		}
	}
	if _, err := w.client.Call(ctx, "flush"); err != nil {
		w.complain("flush: %v", err)
	}
}

// awaitBoard waits until the writer sees the board as it is.
func (w *writer) awaitBoard(ctx context.Context, want map[string]amf.Value, version uint32) error {
	for {
		w.mu.Lock()
		more := w.changed
		w.mu.Unlock()
		difference := compareBoards(want, w.object.Snapshot())
		if difference == "" && w.object.Version() == version {
			return nil
		}
		select {
		case <-more:
		case <-w.client.Done():
			return errors.New("the connection has ended")
		case <-ctx.Done():
			return fmt.Errorf("version %d, want %d: %s", w.object.Version(), version, difference)
		}
	}
}

func compareBoards(want, got map[string]amf.Value) string {
	for name, v := range want {
		if !same(got[name], v) {
			return fmt.Sprintf("%s is %v, want %v", name, got[name], v)
		}
	}
	for name, v := range got {
		if _, there := want[name]; !there {
			return fmt.Sprintf("%s is %v, and should not be there", name, v)
		}
	}
	return ""
}

// same compares values that may have come in different encodings.
func same(a, b amf.Value) bool { return amf.Format(a) == amf.Format(b) }

// examine compares the writer's own properties with what a server has that was started anew. What was confirmed before
// safe must be there.
func (w *writer) examine(kept map[string]amf.Value, safe time.Time) (complaints []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, k := range w.keys {
		if err := k.examine(kept[k.name], safe); err != nil {
			complaints = append(complaints, fmt.Sprintf("%s: %v", w.name, err))
		}
		w.done.confirmed += k.count
		k.count = 0
	}
	return complaints
}
