// Package acceptance has tests alone: what an application's script, and its clients over RTMP and over RTMFP, see of the
// whole server (server-side-api section 7).
package acceptance
