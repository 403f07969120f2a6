package main

import (
	"errors"
	"log/slog"

	"afterglow/configs"
)

// reload reads the configuration again and takes over what can change, without dropping anybody. If anything is wrong
// it says so and everything stays as it was.
func (n *node) reload() {
	next, err := configs.Load(n.sources)
	if err != nil {
		n.notReloaded(err)
		return
	}
	running := n.config.Load()
	merged := configs.Reloaded(running, next)
	key, err := loadPublishKey(merged)
	if err != nil {
		n.notReloaded(err)
		return
	}
	if merged.RTMPS.Listen != "" {
		if err := n.certificate.load(merged); err != nil {
			n.notReloaded(err)
			return
		}
	}
	if key.made {
		n.log.Info("publish key made", "file", key.file)
	}
	n.apply(merged, key)
	n.logChanges(configs.Diff(running, next), running.Log.Level.Level(), merged.Log.Level.Level())
}

// apply makes a configuration hold, except for what needs a restart.
func (n *node) apply(c *configs.Config, key publishKey) {
	n.config.Store(c)
	n.apps.SetKey(key.value)
	n.apps.SetConfig(c)
	n.workers.SetConfig(c, key.value)
	n.apps.Reload()
	n.front.SetConfig(frontConfig(c))
	n.rtmp.Update(doorLimits(c.Limits))
	n.rtmfp.apply(c)
}

func (n *node) notReloaded(err error) {
	var all configs.Errors
	if !errors.As(err, &all) {
		n.log.Error("configuration not reloaded", "error", err)
		return
	}
	for _, e := range all {
		n.log.Error("configuration not reloaded", "error", e)
	}
}

// logChanges says what a reload did, at the more talkative of the two levels.
func (n *node) logChanges(changes []configs.Change, before, after slog.Level) {
	n.level.Set(min(before, after))
	defer n.level.Set(after)
	restart := 0
	for _, c := range changes {
		if c.Reloadable {
			n.log.Info("configuration changed", "key", c.Key, "old", c.Old, "new", c.New)
			continue
		}
		restart++
		n.log.Warn("configuration change needs a restart", "key", c.Key, "old", c.Old, "new", c.New)
	}
	n.log.Info("configuration reloaded", "changed", len(changes)-restart, "need_restart", restart)
}
