package isolated

import (
	"maps"
	"math"

	"afterglow/configs"
)

// Orders are what a worker is told, one JSON value a line: at the start, and again when the configuration has changed.
type Orders struct {
	// Application is the name of the application that it runs.
	Application string
	// Network and Address are where it listens, as net.Listen has it.
	Network, Address string
	// Secret is what whoever connects has to know.
	Secret string
	// Config is the configuration, with nothing of other applications.
	Config *configs.Config
	// Key is what publishers show where the configuration names no other.
	Key string
}

// Notice is what a worker tells of itself, one JSON value a line: when it listens, when it cannot go on, and every [Beat] that it
// is well.
type Notice struct {
	// Listening is the address where it listens, in the first notice.
	Listening string `json:",omitempty"`
	// Failure is why it cannot go on. It is the last notice.
	Failure string `json:",omitempty"`
	// Instances is how many instances of the application there are.
	Instances int
}

// mostInstances is what a worker is told of limits that the server watches over.
const mostInstances = 1_000_000

// configFor returns the part of a configuration that a worker needs. What the server sees to for all clients is off: limits on
// clients and instances, which would count those that are about to go twice, the gathering of media before it is written, and the
// search for dead clients.
func configFor(c *configs.Config, name string) *configs.Config {
	out := configs.Default()
	out.Data, out.Log, out.Connect, out.Publish, out.Play = c.Data, c.Log, c.Connect, c.Publish, c.Play
	out.Peers, out.Instances, out.Scripts, out.SharedObjects = c.Peers, c.Instances, c.Scripts, c.SharedObjects
	out.Bandwidth, out.Access, out.Limits = c.Bandwidth, c.Access, c.Limits
	out.Publish.Key = ""
	out.Play.Write.Mode = configs.WriteOff
	out.Instances.MaxInstances = mostInstances
	out.Scripts.Isolation = configs.IsolationNone
	out.Limits.MessageBeforePublish = out.Limits.Message
	out.Limits.WriteTime *= 2
	out.Limits.IdleTime = math.MaxInt64 / 2
	out.Applications = configs.Applications{Dir: c.Applications.Dir}
	own, named := c.Applications.Named[name]
	if !named {
		return out
	}
	own.Play.Write = configs.WriteOverrides{}
	own.Instances.MaxInstances, own.MaxClients, own.Scripts.Isolation = nil, nil, nil
	own.Config, own.Directories = maps.Clone(own.Config), maps.Clone(own.Directories)
	out.Applications.Named = map[string]configs.Overrides{name: own}
	return out
}
