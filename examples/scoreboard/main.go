// Scoreboard is a media server with an application in Go: clients report goals with a call, and everybody who follows the
// persistent shared object "score" sees them at once.
//
//	go run ./examples/scoreboard
//	afterglow so rtmp://127.0.0.1:1935/scoreboard score --persistent --watch
//	afterglow call --connect-arg referee rtmp://127.0.0.1:1935/scoreboard goal home
package main

import (
	"errors"
	"flag"
	"log"
	"log/slog"

	"afterglow/apps"
	"afterglow/netconn"
	"afterglow/netconn/overrtmp"
	"afterglow/rtmp"
	"afterglow/sharedobjects"
)

// scoreboard embeds Live for everything that it does not decide itself.
type scoreboard struct{ apps.Live }

// Start gets the score, as it was when the server last ended.
func (scoreboard) Start(i *apps.Instance) error {
	score, err := i.SharedObject("score", true)
	if err != nil {
		return err
	}
	i.SetValue(score)
	return nil
}

// Connect lets everybody look, and nobody but this program write. Who says that it is the referee may report goals.
func (scoreboard) Connect(c *apps.Client, r netconn.ConnectRequest, reply *netconn.Reply[netconn.ConnectAnswer]) {
	c.SetValue(len(r.Args) > 0 && r.Args[0] == "referee")
	answer := c.Accept()
	answer.Rights.Write = ""
	reply.Give(answer)
}

// Call knows one method, goal(team), which returns the team's new score.
func (scoreboard) Call(c *apps.Client, r netconn.CallRequest, reply *netconn.Reply[netconn.CallAnswer]) {
	if r.Method != "goal" {
		reply.Give(netconn.CallAnswer{Err: netconn.ErrNoMethod})
		return
	}
	goals, err := goal(c, r.Args)
	reply.Give(netconn.CallAnswer{Value: goals, Err: err})
}

func goal(c *apps.Client, args []any) (float64, error) {
	if c.Value() != true {
		return 0, errors.New("only the referee reports goals")
	}
	if len(args) != 1 {
		return 0, errors.New("goal needs a team")
	}
	team, ok := args[0].(string)
	if !ok {
		return 0, errors.New("a team is a string")
	}
	score := c.Instance().Value().(*apps.SharedObject)
	v, _ := score.Get(team)
	goals, _ := v.(float64)
	goals++
	if err := score.Set(team, goals); err != nil {
		return 0, err
	}
	return goals, score.Flush()
}

func main() {
	address := flag.String("listen", "127.0.0.1:1935", "TCP address")
	file := flag.String("file", "score.db", "file of the shared objects")
	flag.Parse()
	store, err := sharedobjects.Open(*file, sharedobjects.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	server := apps.NewServer(apps.Options{SharedObjects: store})
	server.Register("scoreboard", scoreboard{})
	front := overrtmp.NewServer(server, overrtmp.Config{}, slog.Default())
	log.Print((&rtmp.Server{Addr: *address, Handler: front}).ListenAndServe())
}
