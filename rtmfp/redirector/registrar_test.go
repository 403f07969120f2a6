package redirector

import (
	"errors"
	"testing"
	"time"

	"go.uber.org/goleak"

	"afterglow/rtmfp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRegistrarComesBackWhenTheRedirectorDoes(t *testing.T) {
	inTown(t, ServerConfig{}, func(w *town) {
		s := w.register(1, nil)
		s.registrar.SetLoad(77)
		s.registrar.Drain()
		w.wait(2 * time.Second)
		w.unplug(w.at)
		w.wait(21 * time.Second) // KeepAlive, GiveUp
		if got := s.registrar.Status(); got.State != Lost && got.State != Connecting || !errors.Is(got.Err, rtmfp.ErrTimeout) {
			t.Fatalf("%+v", got)
		}
		w.wait(time.Hour)
		if w.logs.count("not registered") != 1 {
			t.Error("each attempt is logged")
		}
		w.openRedirector(ServerConfig{})
		w.wait(80 * time.Second) // MostRetry, and a fifth
		if got := s.registrar.Status(); got.State != Registered {
			t.Fatalf("%+v, %s", got, s.heard())
		}
		if w.logs.count("server registered", "load=77") != 1 {
			t.Error("its load was reported late")
		}
		if got := w.lb.Registrations(); len(got) != 1 || got[0].Load != 77 || !got[0].Draining {
			t.Errorf("%+v", got)
		}
	})
}

func TestAttemptsGetRareButDoNotEnd(t *testing.T) {
	inTown(t, ServerConfig{}, func(w *town) {
		s := w.register(1, func(c *RegistrarConfig) { c.Credentials = nil })
		w.wait(time.Hour)
		n := w.lb.Stats().RefusedPassword
		if n < 48 || n > 90 {
			t.Errorf("%d attempts in an hour", n)
		}
		var last time.Duration
		for i, status := range s.statuses {
			want := min(time.Second<<i, time.Minute)
			if last = status.Retry; last < want*4/5 || last > want*6/5 {
				t.Errorf("attempt %d: retry in %v", i, last)
			}
			if i == 6 {
				break
			}
		}
	})
}

func TestBackoffBeginsAnewAfterARegistration(t *testing.T) {
	inTown(t, ServerConfig{}, func(w *town) {
		s := w.register(1, nil)
		for range 8 {
			w.endSessions()
			w.wait(2 * time.Second)
			if got := s.registrar.Status().State; got != Registered {
				t.Fatalf("%v, %s", got, s.heard())
			}
		}
	})
}

// endSessions has the redirector close the sessions of all servers.
func (w *town) endSessions() {
	w.end.Sessions(func(s *rtmfp.Session) bool {
		s.Do(s.Close)
		return true
	})
	w.settle()
}

func TestRegistrarEndsWithItsEndpoint(t *testing.T) {
	inTown(t, ServerConfig{}, func(w *town) {
		s := w.register(1, nil)
		_ = s.Endpoint.Close()
		w.wait(3 * time.Second)
		if got := s.registrar.Status().State; got != Closed {
			t.Errorf("%v", got)
		}
		s.registrar.Close()
		s.registrar.Close()
	})
}

func TestClosingInterruptsAnAttempt(t *testing.T) {
	inTown(t, ServerConfig{}, func(w *town) {
		w.unplug(w.at)
		s := w.register(1, nil)
		began := time.Now()
		s.registrar.Close()
		if time.Since(began) > time.Second || s.heard() != "closed" {
			t.Errorf("after %v: %s", time.Since(began), s.heard())
		}
	})
}

func TestRedirectorThatDoesNotAnswerIsLeft(t *testing.T) {
	inTown(t, ServerConfig{}, func(w *town) {
		_ = w.end.Close()
		deaf := w.open(rtmfp.Config{
			Addresses: []string{w.at.String()}, Identity: w.lb.Identity(),
			Listener: rtmfp.Listener{Accept: func(*rtmfp.Session) rtmfp.SessionHandler {
				return rtmfp.SessionFuncs{OnFlow: func(*rtmfp.ReceiveFlow) rtmfp.FlowHandler { return rtmfp.FlowFuncs{} }}
			}},
		})
		s := w.register(1, nil)
		w.wait(answerTime)
		if got := s.registrar.Status(); !errors.Is(got.Err, ErrNoAnswer) || deaf.Stats().SessionsAccepted != 1 {
			t.Errorf("%+v", got)
		}
	})
}

func TestServerLooksUpNames(t *testing.T) {
	found, err := resolve(t.Context(), "[::1]:80")
	if err != nil || len(found) != 1 || found[0].String() != "[::1]:80" {
		t.Errorf("%v, %v", found, err)
	}
	if _, err := resolve(t.Context(), "localhost:http"); err == nil {
		t.Error("a port that is no number")
	}
	if _, err := resolve(t.Context(), "localhost"); err == nil {
		t.Error("no port")
	}
}
