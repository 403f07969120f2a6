package apps

import (
	"context"
	"fmt"

	"afterglow/configs"
)

// Load starts an instance that nobody has connected to; it is not idle before somebody has. It does not wait.
func (s *Server) Load(name, instance string) error {
	folder := s.hasFolder(name)
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.application(name, folder)
	if a == nil {
		return fmt.Errorf("application %s: there is neither a folder of that name nor a line in the configuration", clip(name))
	}
	i := a.instances[instance]
	if i == nil {
		i = s.newInstance(a, instance)
	}
	i.Do(func() {
		if i.begin() != nil {
			i.vacated()
		}
	})
	return nil
}

// LoadOnStartup starts the default instances of the applications that the configuration wants started (loadOnStart).
func (s *Server) LoadOnStartup() {
	c := s.config.Load()
	for name := range c.Applications.Named {
		if !c.Application(name).LoadOnStart {
			continue
		}
		if err := s.Load(name, defaultInstance); err != nil {
			s.log.Error("application not loaded", "app", name, "reason", err)
		}
	}
}

// defaultInstance is the instance of clients that name none.
const defaultInstance = "_definst_"

// Reload has applications that have changed loaded anew: instances without clients, and where scripts.reload says now
// those with clients too, who are disconnected. It does not wait.
func (s *Server) Reload() {
	for _, i := range s.Instances() {
		i.Do(func() {
			if !i.running || i.stopping || !i.app.code.Changed(i) {
				return
			}
			switch {
			case len(i.members) == 0:
				i.restart()
				_ = i.begin()
			case i.settings().Scripts.Reload == configs.ReloadNow:
				i.log().Info("application has changed; its clients are disconnected")
				i.shutdown("The application is loaded anew.")
			}
		})
	}
}

// Close stops all instances and returns when they have ended, or with the context's error. Nobody may connect any more.
func (s *Server) Close(ctx context.Context) error {
	all := s.Instances()
	for _, i := range all {
		i.Shutdown("The server ends.")
	}
	for _, i := range all {
		select {
		case <-i.ended:
		case <-ctx.Done():
			return fmt.Errorf("instance %s still runs: %w", i.Name(), ctx.Err())
		}
	}
	return nil
}
