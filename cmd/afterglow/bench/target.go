package bench

import (
	"errors"
	"fmt"
	"strings"

	"afterglow/rtmp"
)

// The transports, by the schemes of their URLs.
const (
	overRTMP  = "rtmp"
	overRTMFP = "rtmfp"
	mixed     = "mixed" // players of both
)

// target is where players and publishers go.
type target struct {
	transport string
	address   string // host and port
	app       string
	tcURL     string
	// enhanced is set when codecs may be such that only Enhanced RTMP has.
	enhanced bool
}

// parseTarget takes the URL of an application. That of RTMFP has the form of RTMP's, port included.
func parseTarget(url string) (target, error) {
	transport, rest := overRTMP, url
	if path, ok := strings.CutPrefix(url, overRTMFP+"://"); ok {
		transport, rest = overRTMFP, overRTMP+"://"+path
	}
	u, err := rtmp.ParseURL(rest + "/")
	if err != nil {
		return target{}, err
	}
	if u.Scheme != overRTMP {
		return target{}, fmt.Errorf("%s: only rtmp and rtmfp can be measured", url)
	}
	tcURL := transport + strings.TrimPrefix(u.TCURL, overRTMP)
	return target{transport: transport, address: u.Host, app: u.App, tcURL: tcURL}, nil
}

// targets gives where players go, one for each transport, and where publishers go.
func (o *Options) targets() (play []target, publish target, err error) {
	for _, url := range o.URL {
		t, err := parseTarget(url)
		if err != nil {
			return nil, target{}, err
		}
		t.enhanced = o.File != ""
		play = append(play, t)
	}
	switch {
	case len(play) == 0:
		return nil, target{}, errors.New("--url is needed")
	case len(play) > 2 || len(play) == 2 && play[0].transport == play[1].transport:
		return nil, target{}, errors.New("--url may be given twice for players of RTMP and of RTMFP")
	case o.PublishURL == "":
		return play, play[0], nil
	}
	if publish, err = parseTarget(o.PublishURL); err != nil {
		return nil, target{}, err
	}
	publish.enhanced = o.File != ""
	return play, publish, nil
}

// transport is that of all players.
func (o *Options) transport() string {
	play, _, err := o.targets()
	if err != nil || len(play) > 1 {
		return mixed
	}
	return play[0].transport
}
