// Package redirector balances the load of RTMFP servers. Servers register at a redirector ([Registrar]) and tell how busy they are; clients
// ask the redirector ([Server]), which names some of the servers to them (RFC 7016 3.5.1.4) and has these send to the clients, so that
// the NATs between both open (RFC 7016 3.5.1.5). A client needs nothing but the redirector's address; its session is with the server
// alone.
//
// The protocol by which servers register is http://zenomt.com/ns/rtmfp#redirector. The server dials, from the sockets at which
// it listens and under its own identity, the endpoint that has the redirector's name as its hostname. On one flow with
// [Metadata] it sends messages of one command byte and a payload:
//
//	1D  HMAC-SHA256(password, the redirector's near nonce), user name   before all others, once for each user
//	05  options: 0D (offer my address as you observe it), 0A address    registers, or changes what was registered
//	00                                                                  offer me to nobody new
//	0F  VLU                                                             my load
//	10  anything                                                        for applications
//
// On a return flow with the same metadata the redirector reports the server's address as it observes it (0D address). It
// rejects who cannot prove a password with exception 0A.
package redirector
