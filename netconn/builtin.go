package netconn

import (
	"errors"

	"afterglow/amf"
)

// builtins are the methods that encoders and players call whether or not the application has them. An application's
// own method of the name comes first.
var builtins map[string]func(*Conn, *command) error

func init() {
	builtins = map[string]func(*Conn, *command) error{
		"releaseStream":   (*Conn).acknowledgeCall,
		"FCPublish":       (*Conn).fcPublish,
		"FCUnpublish":     (*Conn).fcUnpublish,
		"FCSubscribe":     (*Conn).fcSubscribe,
		"FCUnsubscribe":   (*Conn).fcUnsubscribe,
		"getStreamLength": (*Conn).streamLength,
		"checkBandwidth":  (*Conn).checkBandwidth,
		"_checkbw":        (*Conn).checkBandwidth,
	}
}

// call asks the application for a method.
func (c *Conn) call(cmd *command) error {
	reply := NewReply(func(a CallAnswer) {
		c.do(func() { c.called(cmd, a) })
	})
	c.handler.Call(c, CallRequest{Method: cmd.name, Args: cmd.args, WantsAnswer: cmd.transaction != 0}, reply)
	return nil
}

func (c *Conn) called(cmd *command, a CallAnswer) {
	if c.gone || c.closing {
		return
	}
	var err error
	switch run := builtins[cmd.name]; {
	case a.Err == nil:
		err = c.result(cmd, nil, a.Value)
	case !errors.Is(a.Err, ErrNoMethod):
		err = c.refuse(cmd, statusOf(a.Err, CallFailed, ""))
	case run != nil:
		err = run(c, cmd)
	default:
		err = c.refuse(cmd, Status{Code: CallFailed, Description: "Method not found (" + cmd.name + ")."})
	}
	if err != nil {
		_ = c.refuse(cmd, Status{Code: CallFailed, Description: err.Error()})
	}
}

func (c *Conn) acknowledgeCall(cmd *command) error {
	return c.result(cmd, nil, amf.Undefined)
}

// fcNotice answers one of the FC calls and calls back, as content delivery networks do and encoders wait for.
func (c *Conn) fcNotice(cmd *command, method string, code Code) error {
	if err := c.acknowledgeCall(cmd); err != nil {
		return err
	}
	return c.send(0, method, 0, nil, amf.NewObject(
		amf.Property{Name: "level", Value: LevelStatus},
		amf.Property{Name: "code", Value: string(code)},
		amf.Property{Name: "description", Value: cmd.stringArg(0)},
	))
}

func (c *Conn) fcPublish(cmd *command) error { return c.fcNotice(cmd, "onFCPublish", PublishStart) }

func (c *Conn) fcUnpublish(cmd *command) error {
	return c.fcNotice(cmd, "onFCUnpublish", UnpublishSuccess)
}

func (c *Conn) fcSubscribe(cmd *command) error { return c.fcNotice(cmd, "onFCSubscribe", PlayStart) }

func (c *Conn) fcUnsubscribe(cmd *command) error {
	return c.fcNotice(cmd, "onFCUnsubscribe", PlayStop)
}

// streamLength is zero for a live stream.
func (c *Conn) streamLength(cmd *command) error { return c.result(cmd, nil, 0.0) }
