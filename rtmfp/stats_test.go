package rtmfp_test

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"afterglow/rtmfp"
	"afterglow/rtmfp/simnet"
)

func TestAddingStatsForgetsNoCounter(t *testing.T) {
	var one, sum rtmfp.CoreStats
	v := reflect.ValueOf(&one).Elem()
	for i := range v.NumField() {
		switch f := v.Field(i); f.Kind() {
		case reflect.Uint64:
			f.SetUint(uint64(i + 1))
		case reflect.Int:
			f.SetInt(int64(i + 1))
		default:
			t.Fatalf("%s is a %v", v.Type().Field(i).Name, f.Kind())
		}
	}
	sum.Add(one)
	if sum != one {
		t.Errorf("%+v\nis not\n%+v", sum, one)
	}
	sum.Add(one)
	if got := reflect.ValueOf(sum).Field(0).Uint(); got != 2 {
		t.Errorf("twice 1 is %d", got)
	}
}

func TestDumpTellsOfAllSessions(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair(simnet.Conditions{Delay: 10 * time.Millisecond}, options{}, options{})
	near, _ := w.connect(a, b)
	a.do(func() {
		near.open(t, rtmfp.FlowConfig{Metadata: []byte("m")}).Send(rtmfp.Outgoing{Body: []byte("hello")})
	})
	opening := a.dial([]byte{0x0a, 1, 'x'}, nil, at(9, 9))
	w.RunFor(time.Second)
	var dump bytes.Buffer
	a.do(func() {
		if err := a.Dump(&dump); err != nil {
			t.Error(err)
		}
	})
	parts := []string{"1 sessions, 1 opening", near.session.PeerID().String(), b.addr().String(), "open", "hello sent", "flow out 2"}
	for _, part := range parts {
		if !strings.Contains(dump.String(), part) {
			t.Errorf("no %q in\n%s", part, &dump)
		}
	}
	if opening.session.State() != "hello sent" || opening.session.PeerID() != (rtmfp.PeerID{}) || opening.session.FarCertificate() != nil {
		t.Errorf("opening session: %s", opening.session.State())
	}
	full := errors.New("disk full")
	if err := a.Dump(failing{full}); !errors.Is(err, full) {
		t.Error(err)
	}
}

// failing is a writer that fails.
type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }
