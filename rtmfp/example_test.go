package rtmfp_test

import (
	"context"
	"fmt"
	"log"

	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
)

func Example() {
	ctx := context.Background()
	config := rtmfp.Config{Crypto: flash.Profile{}, Addresses: []string{"127.0.0.1:0"}}

	// The server is found by any URI, and answers each message.
	config.Identity = must(flash.NewIdentity(flash.IdentityConfig{AcceptsAncillary: true}))
	config.Listener.Accept = func(*rtmfp.Session) rtmfp.SessionHandler { return rtmfp.SessionFuncs{OnFlow: answer} }
	server := must(rtmfp.Listen(ctx, config))
	defer server.Close()

	// The client lets nobody in, and sends one message.
	config.Identity, config.Listener = must(flash.NewIdentity(flash.IdentityConfig{})), rtmfp.Listener{}
	client := must(rtmfp.Listen(ctx, config))
	defer client.Close()
	heard := make(chan string, 1)
	session := must(client.Dial(ctx, rtmfp.DialConfig{
		Addresses:     server.Addrs(),
		Discriminator: flash.URI("rtmfp://localhost/"),
		Handler: rtmfp.SessionFuncs{OnFlow: func(*rtmfp.ReceiveFlow) rtmfp.FlowHandler {
			return rtmfp.FlowFuncs{OnMessage: func(_ *rtmfp.ReceiveFlow, m rtmfp.Message) { heard <- string(m.Data) }}
		}},
	}))
	session.Do(func() {
		if question, err := session.OpenFlow(rtmfp.FlowConfig{}); err == nil {
			question.Send(rtmfp.Outgoing{Body: []byte("hello")})
		}
	})
	fmt.Println(<-heard)

	// Output: you said "hello"
}

// answer has what comes on a flow answered by a flow that is tied to it.
func answer(question *rtmfp.ReceiveFlow) rtmfp.FlowHandler {
	answers, err := question.Session().OpenFlow(rtmfp.FlowConfig{Return: question})
	if err != nil {
		return nil // rejects the question
	}
	return rtmfp.FlowFuncs{OnMessage: func(_ *rtmfp.ReceiveFlow, m rtmfp.Message) {
		answers.Send(rtmfp.Outgoing{Body: fmt.Appendf(nil, "you said %q", m.Data)})
	}}
}

// must is for programs whose ends may be abrupt.
func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}
