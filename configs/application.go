package configs

import (
	"strings"
	"time"
)

// Applications says where applications are found and what is different for some of them.
type Applications struct {
	// Dir is the folder with one folder for each application. It need not exist.
	Dir string `key:"dir" check:"path"`
	// Named has the applications that the configuration names, which therefore exist, with their overrides.
	// A name has 1 to 64 letters, digits, "-" and "_", and is not "dir".
	Named map[string]Overrides
}

// Overrides is what one application has of its own; nil fields follow the settings of the whole server.
// Limits and meaning are those of the fields of the same name in [Publish], [Play], [Peers] and [Application].
type Overrides struct {
	Publish    PublishOverrides `key:"publish"`
	Play       PlayOverrides    `key:"play"`
	Peers      PeersOverrides   `key:"peers"`
	MaxClients *int             `key:"maxClients" min:"0" max:"10000000" reload:"yes"`
}

// PublishOverrides is the publish part of [Overrides].
type PublishOverrides struct {
	Open        *bool          `key:"open" reload:"yes"`
	Key         *string        `key:"key"`
	Takeover    *Takeover      `key:"takeover"`
	PingTimeout *time.Duration `key:"pingTimeout"`
}

// PlayOverrides is the play part of [Overrides].
type PlayOverrides struct {
	GOPCache      *bool             `key:"gopCache"`
	GOPCacheBytes *Size             `key:"gopCacheBytes"`
	MaxLag        *time.Duration    `key:"maxLag"`
	Write         WriteOverrides    `key:"write"`
	Lifetime      LifetimeOverrides `key:"lifetime"`
}

// WriteOverrides is the play.write part of [Overrides].
type WriteOverrides struct {
	Mode  *WriteMode     `key:"mode"`
	Delay *time.Duration `key:"delay"`
}

// LifetimeOverrides is the play.lifetime part of [Overrides].
type LifetimeOverrides struct {
	Audio         *time.Duration `key:"audio"`
	Video         *time.Duration `key:"video"`
	PreviousGroup *time.Duration `key:"previousGroup"`
}

// PeersOverrides is the peers part of [Overrides].
type PeersOverrides struct {
	Introduce *Introduction `key:"introduce"`
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
	// MaxClients is the most clients that all its instances may have together; 0 is no limit but those of [Limits].
	MaxClients int
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
		Name:    name,
		Named:   named,
		Publish: ApplicationPublish{Publish: c.Publish},
		Play:    c.Play,
		Peers:   c.Peers,
	}
	override(&a.Publish.Open, own.Publish.Open)
	if own.Publish.Key != nil && *own.Publish.Key != "" {
		a.Publish.Key = *own.Publish.Key
		a.Publish.Own = true
	}
	if own.Publish.Open != nil {
		a.Publish.Own = true
	}
	override(&a.Publish.Takeover, own.Publish.Takeover)
	override(&a.Publish.PingTimeout, own.Publish.PingTimeout)
	override(&a.Play.GOPCache, own.Play.GOPCache)
	override(&a.Play.GOPCacheBytes, own.Play.GOPCacheBytes)
	override(&a.Play.MaxLag, own.Play.MaxLag)
	override(&a.Play.Write.Mode, own.Play.Write.Mode)
	override(&a.Play.Write.Delay, own.Play.Write.Delay)
	override(&a.Play.Lifetime.Audio, own.Play.Lifetime.Audio)
	override(&a.Play.Lifetime.Video, own.Play.Lifetime.Video)
	override(&a.Play.Lifetime.PreviousGroup, own.Play.Lifetime.PreviousGroup)
	override(&a.Peers.Introduce, own.Peers.Introduce)
	override(&a.MaxClients, own.MaxClients)
	return a
}

func override[T any](value, own *T) {
	if own != nil {
		*value = *own
	}
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
