package netconn

import (
	"strings"

	"afterglow/amf"
)

// The levels of a status.
const (
	LevelStatus  = "status"
	LevelWarning = "warning"
	LevelError   = "error"
)

// Code is a status code as clients see it.
type Code string

// The codes that connections and streams use; those of Flash Player alone are left out.
const (
	ConnectSuccess          Code = "NetConnection.Connect.Success"
	ConnectRejected         Code = "NetConnection.Connect.Rejected"
	ConnectInvalidApp       Code = "NetConnection.Connect.InvalidApp"
	ConnectFailed           Code = "NetConnection.Connect.Failed"
	ConnectClosed           Code = "NetConnection.Connect.Closed"
	ConnectAppShutdown      Code = "NetConnection.Connect.AppShutdown"
	ConnectIdleTimeOut      Code = "NetConnection.Connect.IdleTimeOut"
	ConnectReconnectRequest Code = "NetConnection.Connect.ReconnectRequest"
	CallFailed              Code = "NetConnection.Call.Failed"
	CallBadVersion          Code = "NetConnection.Call.BadVersion"

	PlayReset                 Code = "NetStream.Play.Reset"
	PlayStart                 Code = "NetStream.Play.Start"
	PlayStop                  Code = "NetStream.Play.Stop"
	PlayStreamNotFound        Code = "NetStream.Play.StreamNotFound"
	PlayFailed                Code = "NetStream.Play.Failed"
	PlayPublishNotify         Code = "NetStream.Play.PublishNotify"
	PlayUnpublishNotify       Code = "NetStream.Play.UnpublishNotify"
	PlayInsufficientBW        Code = "NetStream.Play.InsufficientBW"
	PlayNoSupportedTrackFound Code = "NetStream.Play.NoSupportedTrackFound"
	PauseNotify               Code = "NetStream.Pause.Notify"
	UnpauseNotify             Code = "NetStream.Unpause.Notify"
	SeekNotify                Code = "NetStream.Seek.Notify"
	SeekFailed                Code = "NetStream.Seek.Failed"
	PublishStart              Code = "NetStream.Publish.Start"
	PublishBadName            Code = "NetStream.Publish.BadName"
	UnpublishSuccess          Code = "NetStream.Unpublish.Success"
	RecordFailed              Code = "NetStream.Record.Failed"
	StreamFailed              Code = "NetStream.Failed"
	StreamInvalidArg          Code = "NetStream.InvalidArg"
	DataStart                 Code = "NetStream.Data.Start"
)

// statusForm is the level of a code and the wording of its description, in which NAME is the stream's name.
type statusForm struct {
	level string
	text  string
}

var statusForms = map[Code]statusForm{
	ConnectSuccess:          {LevelStatus, "Connection succeeded."},
	ConnectRejected:         {LevelError, "Connection failed."},
	ConnectInvalidApp:       {LevelError, "Connection failed."},
	ConnectFailed:           {LevelError, "Connection failed."},
	ConnectClosed:           {LevelStatus, "Connection closed."},
	ConnectAppShutdown:      {LevelError, "The application is shutting down."},
	ConnectIdleTimeOut:      {LevelStatus, "The connection was idle for too long."},
	ConnectReconnectRequest: {LevelStatus, "The server asks the client to connect anew."},
	CallFailed:              {LevelError, "Call failed."},
	CallBadVersion:          {LevelError, "The message could not be decoded."},

	PlayReset:                 {LevelStatus, "Playing and resetting NAME."},
	PlayStart:                 {LevelStatus, "Started playing NAME."},
	PlayStop:                  {LevelStatus, "Stopped playing NAME."},
	PlayStreamNotFound:        {LevelError, "Failed to play NAME; stream not found."},
	PlayFailed:                {LevelError, "Failed to play NAME."},
	PlayPublishNotify:         {LevelStatus, "NAME is now published."},
	PlayUnpublishNotify:       {LevelStatus, "NAME is now unpublished."},
	PlayInsufficientBW:        {LevelWarning, "Insufficient bandwidth for NAME; media was skipped."},
	PlayNoSupportedTrackFound: {LevelError, "NAME has no track that the client supports."},
	PauseNotify:               {LevelStatus, "Pausing NAME."},
	UnpauseNotify:             {LevelStatus, "Unpausing NAME."},
	SeekNotify:                {LevelStatus, "Seeking NAME."},
	SeekFailed:                {LevelError, "NAME is live and cannot seek."},
	PublishStart:              {LevelStatus, "NAME is now published."},
	PublishBadName:            {LevelError, "NAME is already publishing"},
	UnpublishSuccess:          {LevelStatus, "NAME is now unpublished."},
	RecordFailed:              {LevelError, "Failed to record NAME."},
	StreamFailed:              {LevelError, "NAME failed."},
	StreamInvalidArg:          {LevelError, "Invalid arguments."},
	DataStart:                 {LevelStatus, ""},
}

// Status is the information object of an onStatus, _result or _error. Empty Level and Description take the code's own.
type Status struct {
	Code        Code
	Level       string
	Description string
	Details     string         // name of the stream concerned
	Extra       []amf.Property // whatever else belongs to the code
}

// Error makes a Status an error.
func (s Status) Error() string {
	s = s.filled()
	if s.Description == "" {
		return string(s.Code)
	}
	return string(s.Code) + ": " + s.Description
}

// Info returns the status as the information object that clients get, level and description filled in.
func (s Status) Info() *amf.Object { return s.object("") }

func (s Status) filled() Status {
	form := statusForms[s.Code]
	if s.Level == "" {
		s.Level = form.level
	}
	if s.Description == "" {
		s.Description = strings.Replace(form.text, "NAME", s.Details, 1)
	}
	return s
}

// object is the status as clients get it. clientID is left out when empty.
func (s Status) object(clientID string) *amf.Object {
	s = s.filled()
	o := amf.NewObject(
		amf.Property{Name: "level", Value: s.Level},
		amf.Property{Name: "code", Value: string(s.Code)},
		amf.Property{Name: "description", Value: s.Description},
	)
	if s.Details != "" {
		o.Set("details", s.Details)
	}
	if clientID != "" {
		o.Set("clientid", clientID)
	}
	for _, p := range s.Extra {
		o.Set(p.Name, p.Value)
	}
	return o
}

// parseStatus reads an information object; what is no object gives a Status without a code.
func parseStatus(v amf.Value) Status {
	o, ok := properties(v)
	if !ok {
		return Status{}
	}
	s := Status{Code: Code(o.String("code")), Level: o.String("level"), Description: o.String("description"), Details: o.String("details")}
	for name, value := range o.All() {
		switch name {
		case "code", "level", "description", "details":
		default:
			s.Extra = append(s.Extra, amf.Property{Name: name, Value: value})
		}
	}
	return s
}

// properties returns the named values of an object or an associative array.
func properties(v amf.Value) (*amf.Properties, bool) {
	switch v := v.(type) {
	case *amf.Object:
		if v != nil {
			return &v.Properties, true
		}
	case *amf.Array:
		if v != nil {
			return &v.Properties, true
		}
	}
	return nil, false
}
