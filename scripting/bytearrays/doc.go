// Package bytearrays is the ByteArray class of scripts (server-side-api 2.13): the members of ActionScript's class of that
// name, with numbers of one kind. Content goes over the wire as a ByteArray of AMF3.
package bytearrays
