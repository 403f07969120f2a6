package configs

import (
	"maps"
	"reflect"
	"slices"
)

// Change is one key that differs between two configurations.
type Change struct {
	// Key is the full key, as in "rtmp.listen"; "applications.NAME" for an application that came or went.
	Key string
	// Old and New are the values as the file would have them, "(secret)" for a key, "(not set)" for an
	// override that is not there.
	Old, New string
	// Reloadable tells that a running server can take the new value over without a restart.
	Reloadable bool
}

const (
	secretValue = "(secret)"
	notSet      = "(not set)"
	named       = "(named)"
)

// Diff returns what changed from one configuration to the other, in the order of the default file and then by application.
func Diff(old, new *Config) []Change {
	var changes []Change
	before, after := reflect.ValueOf(old).Elem(), reflect.ValueOf(new).Elem()
	for _, f := range serverFields {
		changes = appendChange(changes, f, f.key, f.format(before.FieldByIndex(f.index)), f.format(after.FieldByIndex(f.index)))
	}
	names := maps.Clone(old.Applications.Named)
	if names == nil {
		names = make(map[string]Overrides)
	}
	maps.Copy(names, new.Applications.Named)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		changes = append(changes, diffApplication(old, new, name)...)
	}
	return changes
}

// Reloaded returns what a running server can go on with when it is told to take over next: next itself, but with the
// values of running in the keys that need a restart. It shares maps with both.
func Reloaded(running, next *Config) *Config {
	merged := *next
	from, to := reflect.ValueOf(running).Elem(), reflect.ValueOf(&merged).Elem()
	for _, f := range serverFields {
		if !f.reload {
			to.FieldByIndex(f.index).Set(from.FieldByIndex(f.index))
		}
	}
	merged.Applications.Named = maps.Clone(next.Applications.Named)
	for name, own := range running.Applications.Named {
		if changed, stays := next.Applications.Named[name]; stays {
			merged.Applications.Named[name] = reloadedOverrides(own, changed)
		}
	}
	return &merged
}

// reloadedOverrides is Reloaded for an application that both configurations name; one that came or went has nothing that
// would have to stay.
func reloadedOverrides(running, next Overrides) Overrides {
	from, to := reflect.ValueOf(running), reflect.ValueOf(&next).Elem()
	for _, f := range applicationFields {
		if !f.reload {
			to.FieldByIndex(f.index).Set(from.FieldByIndex(f.index))
		}
	}
	return next
}

func diffApplication(old, new *Config, name string) []Change {
	var changes []Change
	before, wasNamed := old.Applications.Named[name]
	after, isNamed := new.Applications.Named[name]
	key := applicationsPrefix + name
	switch {
	case !wasNamed:
		changes = append(changes, Change{Key: key, Old: notSet, New: named, Reloadable: true})
	case !isNamed:
		changes = append(changes, Change{Key: key, Old: named, New: notSet, Reloadable: true})
	}
	a, b := reflect.ValueOf(before), reflect.ValueOf(after)
	for _, f := range applicationFields {
		f.reload = f.reload || !wasNamed || !isNamed
		changes = appendChange(changes, f, key+"."+f.key, f.show(a), f.show(b))
	}
	return changes
}

func appendChange(changes []Change, f field, key, from, to string) []Change {
	if from == to {
		return changes
	}
	if f.secret {
		from, to = hide(from), hide(to)
	}
	return append(changes, Change{Key: key, Old: from, New: to, Reloadable: f.reload})
}

// show is format for what the field has in the given Overrides.
func (f field) show(own reflect.Value) string {
	if v, set := f.override(own); set {
		return f.format(v)
	}
	return notSet
}

// hide keeps a secret out of sight and its absence in sight.
func hide(shown string) string {
	if shown == "" || shown == notSet {
		return shown
	}
	return secretValue
}
