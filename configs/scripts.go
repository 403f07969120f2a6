package configs

import (
	"os"
	"strings"
	"time"
)

// Instances says how the instances of applications live.
type Instances struct {
	// Idle is how long an instance that has a script is kept after its last client has left, 0 to 24 hours
	// (server-side-api 1.4).
	Idle time.Duration `key:"idle" min:"0s" max:"24h" reload:"yes"`
	// MaxInstances is the most that one application may have at a time, 1 to 1,000,000.
	MaxInstances int `key:"max" min:"1" max:"1000000" reload:"yes"`
}

// Scripts says where the scripts of applications are loaded from and what they may take. Except for Reload, what a
// reload changes holds for instances that start then.
type Scripts struct {
	// Library has the folders that load() searches behind the application's own; see [Scripts.Libraries]. It may be
	// empty, and the folders need not exist.
	Library string `key:"library" check:"folders" empty:"yes" reload:"yes"`
	// MaxTime is how long one call may run, 10 milliseconds to 1 hour.
	MaxTime time.Duration `key:"maxTime" min:"10ms" max:"1h" reload:"yes"`
	// MaxMemory is by how much the heap may grow while one call runs, 1 MB to 64 GB.
	MaxMemory Size `key:"maxMemory" min:"1MB" max:"64GB" reload:"yes"`
	// MaxDepth is how deep calls may be nested, 16 to 10,000.
	MaxDepth int `key:"maxDepth" min:"16" max:"10000" reload:"yes"`
	// MaxTimers is the most timers that one instance may have, 1 to 1,000,000.
	MaxTimers int `key:"maxTimers" min:"1" max:"1000000" reload:"yes"`
	// Reload is when a script that has changed is loaded.
	Reload ScriptReload `key:"reload" oneof:"idle now" reload:"yes"`
	// Isolation is whether an application runs in a process of its own.
	Isolation Isolation `key:"isolation" oneof:"none process"`
	// ProcessMemory is the most memory of such a process, 32 MB to 1 TB.
	ProcessMemory Size `key:"processMemory" min:"32MB" max:"1TB" reload:"yes"`
	// HTTPTimeout is how long a request of XML, LoadVars or WebService may take, 100 milliseconds to 1 hour.
	HTTPTimeout time.Duration `key:"httpTimeout" min:"100ms" max:"1h" reload:"yes"`
}

// Libraries returns the folders of Library in their order; they are separated by ";" or by the system's list separator.
func (s Scripts) Libraries() []string {
	return strings.FieldsFunc(s.Library, func(r rune) bool { return r == ';' || r == os.PathListSeparator })
}

// Bandwidth bounds what each client exchanges with the server, in bytes a second, each 0 (no limit) to 1 TB.
type Bandwidth struct {
	// ToClient is the limit of what a client is sent.
	ToClient Size `key:"toClient" min:"0" max:"1TB" reload:"yes"`
	// ToServer is the limit of what a client sends.
	ToServer Size `key:"toServer" min:"0" max:"1TB" reload:"yes"`
	// CapToClient is the most to which Client.setBandwidthLimit may set ToClient for one client (server-side-api 2.2).
	CapToClient Size `key:"capToClient" min:"0" max:"1TB" reload:"yes"`
	// CapToServer is the most to which Client.setBandwidthLimit may set ToServer for one client.
	CapToServer Size `key:"capToServer" min:"0" max:"1TB" reload:"yes"`
}

// Access says what clients may do with the raw audio and video of streams before a script says otherwise
// (server-side-api 4.2). Each is a list of paths, separated by ";": "/" is every stream, "" none.
type Access struct {
	// AudioSample has the streams whose sound may be read.
	AudioSample string `key:"audioSample" check:"paths" empty:"yes" reload:"yes"`
	// VideoSample has the streams whose pictures may be read.
	VideoSample string `key:"videoSample" check:"paths" empty:"yes" reload:"yes"`
}
