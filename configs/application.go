package configs

import "strings"

// Applications says where applications are found and what is different for some of them.
type Applications struct {
	// Dir is the folder with one folder for each application. It need not exist.
	Dir string `key:"dir" check:"path"`
	// Named has the applications that the configuration names, which therefore exist, with their overrides.
	// A name has 1 to 64 letters, digits, "-" and "_", and is not "dir".
	Named map[string]Overrides
}

// Application is what holds for one application, with nothing left to look up.
type Application struct {
	// Name is the name that was asked for.
	Name string
	// Named tells that the configuration names the application, which therefore exists.
	Named bool
	// Publish says who may publish.
	Publish ApplicationPublish
	// Play says how its streams are kept and written.
	Play Play
	// Peers says who is introduced to its clients.
	Peers Peers
	// Instances says how its instances live.
	Instances Instances
	// Scripts says where its script is loaded from and what it may take.
	Scripts Scripts
	// SharedObjects says how its shared objects are kept.
	SharedObjects SharedObjects
	// Bandwidth bounds what each of its clients exchanges with the server.
	Bandwidth Bandwidth
	// Access is what its clients may do with raw audio and video.
	Access Access
	// MaxClients is the most clients that all its instances may have together; 0 is no limit but those of [Limits].
	MaxClients int
	// LoadOnStart loads its default instance when the server starts.
	LoadOnStart bool
	// Config is what its script sees as application.config: at most 1,000 identifiers of at most 64 bytes with their
	// values, each of at most 4,096 bytes. It may be nil and must not be changed.
	Config map[string]string
	// Directories has the virtual directories of the File class (server-side-api 2.8), at most 1,000: a name that begins
	// with "/" and the folder that it stands for. It may be nil and must not be changed.
	Directories map[string]string
}

// ApplicationPublish says who may publish to an application and who keeps the name of a stream.
type ApplicationPublish struct {
	// Publish has the key and the takeover rule; the key may be empty, see [Publish].
	Publish
	// Open lets anybody publish without a key.
	Open bool
	// Own tells that the application has a key or an "open" of its own, so that
	// the guard for applications without a publish setting does not apply.
	Own bool
}

// Application returns what holds for the application of that name: its overrides over the settings of the server.
// It does so for any name; [Application].Named tells whether the configuration knows it.
func (c *Config) Application(name string) Application {
	own, named := c.Applications.Named[name]
	a := Application{
		Name:          name,
		Named:         named,
		Publish:       ApplicationPublish{Publish: c.Publish},
		Play:          c.Play,
		Peers:         c.Peers,
		Instances:     c.Instances,
		Scripts:       c.Scripts,
		SharedObjects: c.SharedObjects,
		Bandwidth:     c.Bandwidth,
		Access:        c.Access,
		Config:        own.Config,
		Directories:   own.Directories,
	}
	own.Publish.over(&a.Publish)
	own.Play.over(&a.Play)
	override(&a.Peers.Introduce, own.Peers.Introduce)
	own.Instances.over(&a.Instances)
	own.Scripts.over(&a.Scripts)
	own.SharedObjects.over(&a.SharedObjects)
	own.Bandwidth.over(&a.Bandwidth)
	override(&a.Access.AudioSample, own.Access.AudioSample)
	override(&a.Access.VideoSample, own.Access.VideoSample)
	override(&a.MaxClients, own.MaxClients)
	override(&a.LoadOnStart, own.LoadOnStart)
	return a
}

const maxApplicationName = 64

func validApplicationName(name string) bool {
	if name == "" || len(name) > maxApplicationName || strings.EqualFold(name, "dir") {
		return false
	}
	for _, c := range []byte(name) {
		if !isAlphanumeric(c) && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

const allowedApplicationName = `1 to 64 letters, digits, "-" and "_", and not "dir"`
