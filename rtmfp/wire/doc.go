// Package wire has the forms of RTMFP on the wire (RFC 7016 section 2): datagrams with a scrambled session ID, plain
// packets, chunks, options, addresses and variable length numbers. It keeps no state and knows no cryptography: packets
// are what lies between decryption and encryption.
//
// What is parsed aliases the input. What is appended goes to the end of a slice that the caller owns. A chunk that does
// not parse is to be ignored, and its packet goes on (2.3).
package wire
