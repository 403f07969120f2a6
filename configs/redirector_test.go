package configs

import (
	"strings"
	"testing"
)

func TestRedirectorsAreTakenApart(t *testing.T) {
	for text, want := range map[string]Redirector{
		"rtmfp://user:password@192.0.2.1:1935/west":        {Address: "192.0.2.1:1935", Name: "west", User: "user", Password: "password"},
		"rtmfp://host.example:1/a.b":                       {Address: "host.example:1", Name: "a.b"},
		"rtmfp://u%40:%2C%3A%2F%40@[2001:db8::1]:19/a%2Fb": {Address: "[2001:db8::1]:19", Name: "a/b", User: "u@", Password: ",:/@"},
	} {
		if got, err := ParseRedirector(text); err != nil || got != want {
			t.Errorf("%s: got %+v, %v", text, got, err)
		}
	}
	if _, err := ParseRedirector("rtmfp://u:hush%@h:1/n"); err == nil || strings.Contains(err.Error(), "hush") {
		t.Errorf("got %v", err)
	}
}

func FuzzParseRedirector(f *testing.F) {
	for _, seed := range []string{"rtmfp://u:p@h:1/n", "rtmfp://[::1%25eth0]:1/%2F", "rtmfp://h:1", "", "rtmfp://u:%2C@h:1/n?x#y"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseRedirector(text)
		if err != nil {
			return
		}
		if !validServer(r.Address) || r.Name == "" || (r.User == "") != (r.Password == "") {
			t.Errorf("%q: %+v", text, r)
		}
	})
}
