package configs

import "log/slog"

// LogLevel is the least important level that is logged.
type LogLevel string

// The levels of log.level.
const (
	LevelDebug LogLevel = "debug"
	LevelInfo  LogLevel = "info"
	LevelWarn  LogLevel = "warn"
	LevelError LogLevel = "error"
)

// Level returns the slog level of that name, so that a LogLevel is a [slog.Leveler]; slog.LevelInfo for an unknown one.
func (l LogLevel) Level() slog.Level {
	switch l {
	case LevelDebug:
		return slog.LevelDebug
	case LevelWarn:
		return slog.LevelWarn
	case LevelError:
		return slog.LevelError
	default:
		return slog.LevelInfo
	}
}

// LogFormat is the form of a log line.
type LogFormat string

// The forms of log.format.
const (
	FormatText LogFormat = "text"
	FormatJSON LogFormat = "json"
)

// Takeover is what becomes of a stream that a second publisher asks for.
type Takeover string

// The rules of publish.takeover.
const (
	// TakeoverDead pings the old publisher, which keeps the name if it answers in time.
	TakeoverDead Takeover = "dead"
	// TakeoverRelease lets a client that shows the same key evict the old publisher with releaseStream.
	TakeoverRelease Takeover = "release"
	// TakeoverAlways gives the name to whoever came last.
	TakeoverAlways Takeover = "always"
)

// WriteMode says whether writes to viewers wait for more to write.
type WriteMode string

// The modes of play.write.mode.
const (
	// WriteOff never waits.
	WriteOff WriteMode = "off"
	// WriteAdaptive waits longer as load rises, up to the ceiling of play.write.delay.
	WriteAdaptive WriteMode = "adaptive"
	// WriteFixed always waits play.write.delay.
	WriteFixed WriteMode = "fixed"
)

// Introduction says which clients are introduced to one another, so that they can reach each other directly.
type Introduction string

// The rules of peers.introduce.
const (
	// IntroduceConnected introduces every client of the server to every other.
	IntroduceConnected Introduction = "connected"
	// IntroduceApplication introduces the clients of one instance of an application to each other.
	IntroduceApplication Introduction = "application"
	// IntroduceNobody introduces nobody.
	IntroduceNobody Introduction = "nobody"
)

// UnknownApplication is what a client gets that connects to an application that does not exist.
type UnknownApplication string

// The answers of connect.unknown.
const (
	// UnknownRejected answers NetConnection.Connect.Rejected.
	UnknownRejected UnknownApplication = "rejected"
	// UnknownInvalidApp answers NetConnection.Connect.InvalidApp.
	UnknownInvalidApp UnknownApplication = "invalidApp"
)

// ScriptReload says when a script that has changed is loaded.
type ScriptReload string

// The rules of scripts.reload.
const (
	// ReloadIdle loads it when the instance has no client.
	ReloadIdle ScriptReload = "idle"
	// ReloadNow loads it on SIGHUP, too; the clients are disconnected.
	ReloadNow ScriptReload = "now"
)

// Isolation says where the script of an application runs.
type Isolation string

// The places of scripts.isolation.
const (
	// IsolationNone runs it in the process of the server.
	IsolationNone Isolation = "none"
	// IsolationProcess runs it in a process of its own, which is started again when it dies.
	IsolationProcess Isolation = "process"
)
