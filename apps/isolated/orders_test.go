package isolated

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"afterglow/configs"
)

func of[T any](v T) *T { return &v }

// house is a configuration with two applications and the secrets of others.
func house() *configs.Config {
	c := configs.Default()
	c.Publish.Key = "server-key"
	c.RTMFP.Redirectors = []string{"rtmfp://alice:secret@192.0.2.1/x"}
	c.RTMPS.Key = "/etc/key.pem"
	c.Scripts.MaxTime = 7 * time.Second
	c.Applications.Named = map[string]configs.Overrides{
		"box": {
			MaxClients: of(5), LoadOnStart: of(true), Config: map[string]string{"a": "1"}, Directories: map[string]string{"/x": "/y"},
			Scripts:   configs.ScriptsOverrides{Isolation: of(configs.IsolationProcess), ProcessMemory: of(configs.Size(64 << 20))},
			Instances: configs.InstancesOverrides{MaxInstances: of(3), Idle: of(time.Second)},
			Play:      configs.PlayOverrides{Write: configs.WriteOverrides{Mode: of(configs.WriteFixed)}, GOPCache: of(false)},
			Publish:   configs.PublishOverrides{Key: of("box-key")},
		},
		"other": {Config: map[string]string{"password": "hidden"}},
	}
	return c
}

func TestWorkerIsToldNothingOfOthers(t *testing.T) {
	text, err := json.Marshal(configFor(house(), "box"))
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"hidden", "alice", "key.pem", "server-key"} {
		if i := indexOf(text, secret); i >= 0 {
			t.Errorf("the worker is told ...%s", text[max(0, i-40):i+len(secret)])
		}
	}
	if indexOf(text, "box-key") < 0 {
		t.Error("the worker is not told its own key")
	}
}

func indexOf(text []byte, word string) int {
	for i := range text {
		if i+len(word) <= len(text) && string(text[i:i+len(word)]) == word {
			return i
		}
	}
	return -1
}

func TestOrdersArriveAsTheyWereGiven(t *testing.T) {
	given := Orders{Application: "box", Network: "unix", Address: "/x", Secret: "s", Key: "k", Config: configFor(house(), "box")}
	text, err := json.Marshal(given)
	if err != nil {
		t.Fatal(err)
	}
	var got Orders
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(given, got, cmpopts.EquateEmpty(), cmpopts.EquateComparable()); d != "" {
		t.Error(d)
	}
}

func TestWorkerLeavesToTheServerWhatItSeesTo(t *testing.T) {
	a := configFor(house(), "box").Application("box")
	if a.MaxClients != 0 || a.Instances.MaxInstances != mostInstances || a.Scripts.Isolation != configs.IsolationNone || a.Play.Write.Mode != configs.WriteOff {
		t.Errorf("%+v", a)
	}
	if !a.Named || a.Play.GOPCache || a.Instances.Idle != time.Second || a.Scripts.MaxTime != 7*time.Second || a.Scripts.ProcessMemory != 64<<20 || !a.LoadOnStart {
		t.Errorf("its own settings are lost: %+v", a)
	}
}
