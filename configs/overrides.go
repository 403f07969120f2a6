package configs

import "time"

// Overrides is what one application has of its own; nil fields follow the settings of the whole server.
// Limits and meaning are those of the fields of the same name in [Config] and [Application]. Maps are taken as a whole.
type Overrides struct {
	Publish       PublishOverrides       `key:"publish"`
	Play          PlayOverrides          `key:"play"`
	Peers         PeersOverrides         `key:"peers"`
	Instances     InstancesOverrides     `key:"instances"`
	Scripts       ScriptsOverrides       `key:"scripts"`
	SharedObjects SharedObjectsOverrides `key:"sharedObjects"`
	Bandwidth     BandwidthOverrides     `key:"bandwidth"`
	Access        AccessOverrides        `key:"access"`
	MaxClients    *int                   `key:"maxClients" min:"0" max:"10000000" reload:"yes"`
	LoadOnStart   *bool                  `key:"loadOnStart" reload:"yes"`
	Config        map[string]string      `key:"config" check:"variables" secret:"yes" reload:"yes"`
	Directories   map[string]string      `key:"directories" check:"directories" reload:"yes"`
}

// PublishOverrides is the publish part of [Overrides].
type PublishOverrides struct {
	Open        *bool          `key:"open" reload:"yes"`
	Key         *string        `key:"key"`
	Takeover    *Takeover      `key:"takeover"`
	PingTimeout *time.Duration `key:"pingTimeout"`
}

func (own PublishOverrides) over(p *ApplicationPublish) {
	override(&p.Open, own.Open)
	if own.Key != nil && *own.Key != "" {
		p.Key = *own.Key
		p.Own = true
	}
	if own.Open != nil {
		p.Own = true
	}
	override(&p.Takeover, own.Takeover)
	override(&p.PingTimeout, own.PingTimeout)
}

// PlayOverrides is the play part of [Overrides].
type PlayOverrides struct {
	GOPCache      *bool             `key:"gopCache"`
	GOPCacheBytes *Size             `key:"gopCacheBytes"`
	MaxLag        *time.Duration    `key:"maxLag"`
	Write         WriteOverrides    `key:"write"`
	Lifetime      LifetimeOverrides `key:"lifetime"`
}

func (own PlayOverrides) over(p *Play) {
	override(&p.GOPCache, own.GOPCache)
	override(&p.GOPCacheBytes, own.GOPCacheBytes)
	override(&p.MaxLag, own.MaxLag)
	override(&p.Write.Mode, own.Write.Mode)
	override(&p.Write.Delay, own.Write.Delay)
	override(&p.Lifetime.Audio, own.Lifetime.Audio)
	override(&p.Lifetime.Video, own.Lifetime.Video)
	override(&p.Lifetime.PreviousGroup, own.Lifetime.PreviousGroup)
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

// InstancesOverrides is the instances part of [Overrides].
type InstancesOverrides struct {
	Idle         *time.Duration `key:"idle"`
	MaxInstances *int           `key:"max"`
}

func (own InstancesOverrides) over(i *Instances) {
	override(&i.Idle, own.Idle)
	override(&i.MaxInstances, own.MaxInstances)
}

// ScriptsOverrides is the scripts part of [Overrides].
type ScriptsOverrides struct {
	Library       *string        `key:"library"`
	MaxTime       *time.Duration `key:"maxTime"`
	MaxMemory     *Size          `key:"maxMemory"`
	MaxDepth      *int           `key:"maxDepth"`
	MaxTimers     *int           `key:"maxTimers"`
	Reload        *ScriptReload  `key:"reload"`
	Isolation     *Isolation     `key:"isolation"`
	ProcessMemory *Size          `key:"processMemory"`
	HTTPTimeout   *time.Duration `key:"httpTimeout"`
}

func (own ScriptsOverrides) over(s *Scripts) {
	override(&s.Library, own.Library)
	override(&s.MaxTime, own.MaxTime)
	override(&s.MaxMemory, own.MaxMemory)
	override(&s.MaxDepth, own.MaxDepth)
	override(&s.MaxTimers, own.MaxTimers)
	override(&s.Reload, own.Reload)
	override(&s.Isolation, own.Isolation)
	override(&s.ProcessMemory, own.ProcessMemory)
	override(&s.HTTPTimeout, own.HTTPTimeout)
}

// SharedObjectsOverrides is the sharedObjects part of [Overrides].
type SharedObjectsOverrides struct {
	ResyncDepth     *int           `key:"resyncDepth"`
	LockTimeout     *time.Duration `key:"lockTimeout"`
	MaxProperties   *int           `key:"maxProperties"`
	MaxPropertySize *Size          `key:"maxPropertySize"`
	MaxSize         *Size          `key:"maxSize"`
	MaxObjects      *int           `key:"maxObjects"`
	MaxPerClient    *int           `key:"maxPerClient"`
}

func (own SharedObjectsOverrides) over(s *SharedObjects) {
	override(&s.ResyncDepth, own.ResyncDepth)
	override(&s.LockTimeout, own.LockTimeout)
	override(&s.MaxProperties, own.MaxProperties)
	override(&s.MaxPropertySize, own.MaxPropertySize)
	override(&s.MaxSize, own.MaxSize)
	override(&s.MaxObjects, own.MaxObjects)
	override(&s.MaxPerClient, own.MaxPerClient)
}

// BandwidthOverrides is the bandwidth part of [Overrides].
type BandwidthOverrides struct {
	ToClient    *Size `key:"toClient"`
	ToServer    *Size `key:"toServer"`
	CapToClient *Size `key:"capToClient"`
	CapToServer *Size `key:"capToServer"`
}

func (own BandwidthOverrides) over(b *Bandwidth) {
	override(&b.ToClient, own.ToClient)
	override(&b.ToServer, own.ToServer)
	override(&b.CapToClient, own.CapToClient)
	override(&b.CapToServer, own.CapToServer)
}

// AccessOverrides is the access part of [Overrides].
type AccessOverrides struct {
	AudioSample *string `key:"audioSample"`
	VideoSample *string `key:"videoSample"`
}

func override[T any](value, own *T) {
	if own != nil {
		*value = *own
	}
}
