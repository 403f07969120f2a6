package scripting

import "afterglow/apps"

// KeptStreams returns how many Stream objects the script of an instance keeps, and how many of them nobody uses.
func KeptStreams(i *apps.Instance) (used, idle int) {
	h := hostOf(i)
	for _, p := range h.idle.byName {
		if p.Value() != nil {
			idle++
		}
	}
	return len(h.streams), idle
}
