package configs

import "time"

// SharedObjects says how remote shared objects are kept and how large they may become (server-side-api 3).
type SharedObjects struct {
	// CommitInterval is how long a change of a persistent object may wait until it is written, which is what a crash may
	// lose, 10 milliseconds to 1 hour.
	CommitInterval time.Duration `key:"commitInterval" min:"10ms" max:"1h"`
	// ResyncDepth is for how many versions the deleted properties of an object are remembered, so that a client that
	// comes back is told only what has changed; -1 (unlimited) to 2,147,483,647 (server-side-api 3.8).
	ResyncDepth int `key:"resyncDepth" min:"-1" max:"2147483647" reload:"yes"`
	// LockTimeout is how long a script may keep an object locked, 0 (forever) to 1 hour.
	LockTimeout time.Duration `key:"lockTimeout" min:"0s" max:"1h" reload:"yes"`
	// MaxProperties is the most properties of one object, 1 to 10,000,000.
	MaxProperties int `key:"maxProperties" min:"1" max:"10000000" reload:"yes"`
	// MaxPropertySize is the most bytes of one property with its name, 1,024 bytes to 16 MB.
	MaxPropertySize Size `key:"maxPropertySize" min:"1KB" max:"16MB" reload:"yes"`
	// MaxSize is the most bytes of one object with everything in it, 1,024 bytes to 1 GB.
	MaxSize Size `key:"maxSize" min:"1KB" max:"1GB" reload:"yes"`
	// MaxObjects is the most objects of one instance, 1 to 10,000,000.
	MaxObjects int `key:"maxObjects" min:"1" max:"10000000" reload:"yes"`
	// MaxPerClient is the most objects that one client may follow, 1 to 1,000,000.
	MaxPerClient int `key:"maxPerClient" min:"1" max:"1000000" reload:"yes"`
}
