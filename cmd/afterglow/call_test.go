package main

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"afterglow/amf"
	"afterglow/apps"
	"afterglow/netconn"
)

// desk is an application that commands are tried on. Clients say who they are: nobody is not let in, a reader may not write, and who
// is blind may not read either.
type desk struct{ apps.Live }

func (desk) Connect(c *apps.Client, r netconn.ConnectRequest, reply *netconn.Reply[netconn.ConnectAnswer]) {
	answer := c.Accept()
	var who amf.Value
	if len(r.Args) > 0 {
		who = r.Args[0]
	}
	switch who {
	case "nobody":
		answer = netconn.ConnectAnswer{Err: netconn.Status{Code: netconn.ConnectRejected, Description: "not you",
			Extra: []amf.Property{{Name: "application", Value: amf.NewObject(amf.Property{Name: "retry", Value: 5.0})}}}}
	case "reader":
		answer.Rights.Write = ""
	case "blind":
		answer.Rights.Write, answer.Rights.Read = "", ""
	}
	reply.Give(answer)
}

func (desk) Call(c *apps.Client, r netconn.CallRequest, reply *netconn.Reply[netconn.CallAnswer]) {
	give := func(v amf.Value, err error) { reply.Give(netconn.CallAnswer{Value: v, Err: err}) }
	switch r.Method {
	case "echo":
		give(amf.NewArray(r.Args...), nil)
	case "first":
		give(r.Args[0], nil)
	case "where":
		give(c.Instance().Name()+" "+c.Request().Query, nil)
	case "fail":
		give(nil, errors.New("out of order"))
	case "own":
		give(nil, netconn.Status{Code: "My.Code", Level: "warning", Description: "in my words"})
	case "ring":
		_ = c.Conn.Call("rung", nil, r.Args...)
		give("ringing", nil)
	case "ask":
		_ = c.Conn.Call("question", func(r netconn.Result) { give(r.Value, r.Err) }, r.Args...)
	case "silence":
	case "throw out":
		c.Disconnect(netconn.Status{Code: netconn.ConnectAppShutdown, Description: "closing time"})
	default:
		give(nil, netconn.ErrNoMethod)
	}
}

// startDesk starts a server with the application.
func startDesk(t *testing.T, set ...string) *testNode {
	n := prepareNode(t, set...)
	n.apps.Register("desk", desk{})
	n.begin(t)
	return n
}

// over returns the URL of the server over a transport.
func (n *testNode) over(transport string) string { return transport + "://" + n.addressOf(transport) }

func TestCommandsThatUseAnApplication(t *testing.T) {
	for _, transport := range []string{"rtmp", "rtmfp"} {
		t.Run(transport, func(t *testing.T) {
			n := startDesk(t, "sharedObjects.maxPropertySize=1KB")
			testscript.Run(t, testscript.Params{Dir: "testdata/remote", RequireExplicitExec: true, Setup: func(e *testscript.Env) error {
				e.Setenv("SERVER", n.over(transport))
				e.Setenv("URL", n.over(transport)+"/desk")
				e.Setenv("APPLICATIONS", filepath.Join(n.dir, "applications"))
				return nil
			}})
		})
	}
}
