package configs

import (
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Check returns [Errors] with everything that the configuration holds and may not, or nil. [Load] has done it already;
// it is for a Config that a program made or changed.
func (c *Config) Check() error {
	var errs Errors
	root := reflect.ValueOf(c).Elem()
	for _, f := range serverFields {
		if v := root.FieldByIndex(f.index); !f.permits(v) {
			errs = append(errs, origin{}.error(f.key, refusal(f, f.format(v))))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Applications.Named)) {
		errs = append(errs, checkOverrides(name, c.Applications.Named[name])...)
	}
	for _, conflict := range conflicts(c) {
		errs = append(errs, origin{}.error(conflict.keys[0], conflict.problem))
	}
	return errs.sorted()
}

func checkOverrides(name string, own Overrides) Errors {
	var errs Errors
	prefix := applicationsPrefix + name
	if !validApplicationName(name) {
		errs = append(errs, origin{}.error(prefix, badApplicationName(name)))
	}
	root := reflect.ValueOf(own)
	for _, f := range applicationFields {
		if v, set := f.override(root); set && !f.permits(v) {
			errs = append(errs, origin{}.error(prefix+"."+f.key, refusal(f, f.format(v))))
		}
	}
	return errs
}

// conflict is a problem between values that are allowed each by itself.
type conflict struct {
	keys    []string
	problem string
}

func conflicts(c *Config) []conflict {
	var found []conflict
	add := func(problem string, keys ...string) {
		found = append(found, conflict{keys: keys, problem: problem})
	}
	if c.RTMP.Listen == "" && c.RTMPS.Listen == "" && c.RTMFP.Listen == "" {
		add(`rtmp.listen, rtmps.listen and rtmfp.listen are all "": allowed is an address in one of them at least`, "rtmp.listen", "rtmps.listen", "rtmfp.listen")
	}
	if (c.RTMPS.Certificate == "") != (c.RTMPS.Key == "") {
		add("rtmps.certificate and rtmps.key belong together: allowed are both or neither", "rtmps.certificate", "rtmps.key")
	}
	if c.Limits.MessageBeforePublish > c.Limits.Message {
		add("limits.messageBeforePublish ("+c.Limits.MessageBeforePublish.String()+") is more than limits.message ("+
			c.Limits.Message.String()+"): allowed is at most the same", "limits.messageBeforePublish", "limits.message")
	}
	found = append(found, sharedAddresses(c)...)
	for _, name := range slices.Sorted(maps.Keys(c.Applications.Named)) {
		p := c.Applications.Named[name].Publish
		if p.Open != nil && *p.Open && p.Key != nil && *p.Key != "" {
			prefix := applicationsPrefix + name + ".publish."
			add("open lets everybody publish without the key: allowed is one of them", prefix+"open", prefix+"key")
		}
	}
	return found
}

// sharedAddresses finds listeners that ask for the same TCP port of the same host; port 0 is a different one each time.
func sharedAddresses(c *Config) []conflict {
	listeners := []struct{ key, address string }{
		{"rtmp.listen", c.RTMP.Listen},
		{"rtmps.listen", c.RTMPS.Listen},
		{"metrics.listen", c.Metrics.Listen},
	}
	var found []conflict
	for i, a := range listeners {
		for _, b := range listeners[i+1:] {
			if a.address != "" && a.address == b.address && !strings.HasSuffix(a.address, ":0") {
				found = append(found, conflict{
					keys:    []string{b.key, a.key},
					problem: a.key + " and " + b.key + " are both " + a.address + ": allowed are different addresses",
				})
			}
		}
	}
	return found
}
