package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"flag"
	"fmt"
	"log"
	"strings"

	"afterglow/rtmfp"
	"afterglow/rtmfp/flash"
	"afterglow/rtmfp/wire"
)

// registration is a server's place with a load balancer that speaks the protocol http://zenomt.com/ns/rtmfp#redirector: within a
// session to it, a flow registers our address, and hellos of clients come as FIHellos, which the endpoint answers by itself.
type registration struct {
	at          string // name@host:port
	credentials string // user:password
}

func (r *registration) addTo(set *flag.FlagSet) {
	set.StringVar(&r.at, "register", "", "redirector to register with, name@host:port")
	set.StringVar(&r.credentials, "credentials", "", "user:password for it")
}

const redirectorProtocol = "http://zenomt.com/ns/rtmfp#redirector"

// The commands of the protocol, and an option.
const (
	registerAddress     = 0x05 // with options
	registerLoad        = 0x0f
	registerCredentials = 0x1d
	reportAddress       = 0x0d // from the redirector

	optionObservedAddress = 0x0d
)

// run opens the session and registers; it stays as long as the endpoint.
func (r *registration) run(ctx context.Context, endpoint *rtmfp.Endpoint, log *log.Logger) error {
	name, host, _ := strings.Cut(r.at, "@")
	addresses, err := resolve([]string{host})
	if err != nil {
		return err
	}
	session, err := endpoint.Dial(ctx, rtmfp.DialConfig{
		Identity:      identityName,
		Addresses:     addresses,
		Discriminator: flash.Discriminator{Hostname: []byte(name)}.Append(nil),
		Handler: rtmfp.SessionFuncs{
			OnFlow:   func(*rtmfp.ReceiveFlow) rtmfp.FlowHandler { return reports(log) },
			OnClosed: func(_ *rtmfp.Session, err error) { log.Print("redirector: ", err) },
		},
	})
	if err != nil {
		return fmt.Errorf("redirector: %w", err)
	}
	result := make(chan error, 1)
	if !session.Do(func() { result <- r.register(session, log) }) {
		return rtmfp.ErrClosed
	}
	return <-result
}

// register says who we are and that we take clients.
func (r *registration) register(session *rtmfp.Session, log *log.Logger) error {
	flow, err := session.OpenFlow(rtmfp.FlowConfig{
		Metadata: []byte(redirectorProtocol),
		Priority: rtmfp.PriorityCommand,
		Handler:  rtmfp.SendFuncs{OnEnded: func(_ *rtmfp.SendFlow, err error) { log.Print("redirector: registration ended: ", err) }},
	})
	if err != nil {
		return err
	}
	messages := [][]byte{wire.AppendOption([]byte{registerAddress}, optionObservedAddress, nil), {registerLoad, 0}}
	if user, password, ok := strings.Cut(r.credentials, ":"); ok {
		messages = append([][]byte{credentials(session, user, password)}, messages...)
	}
	for _, message := range messages {
		if _, err := flow.Send(rtmfp.Outgoing{Body: message}); err != nil {
			return err
		}
	}
	return nil
}

// credentials proves that we know a password, to this redirector and in this session only.
func credentials(session *rtmfp.Session, user, password string) []byte {
	_, far := session.Nonces()
	proof := hmac.New(sha256.New, []byte(password))
	proof.Write(far[:])
	return append(proof.Sum([]byte{registerCredentials}), user...)
}

// reports takes what the redirector says: our address as it sees it.
func reports(log *log.Logger) rtmfp.FlowHandler {
	return rtmfp.FlowFuncs{OnMessage: func(_ *rtmfp.ReceiveFlow, m rtmfp.Message) {
		if len(m.Data) == 0 || m.Data[0] != reportAddress {
			return
		}
		if address, _, err := wire.ParseAddress(m.Data[1:]); err == nil {
			log.Print("redirector: registered as ", address.AddrPort)
		}
	}}
}
