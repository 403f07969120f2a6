// Package isolated runs applications in processes of their own (scripts.isolation: process).
//
// [Workers] has one process for each such application: a worker, which is started when the first client comes, and again when it
// has died. The server's end of a client's connection becomes a pipe to it (netconn.Relay); what the application decides, its
// streams and its shared objects are the worker's. A worker that dies takes its own clients along and nothing else.
//
// The two processes talk over three pipes: on its standard input a worker is told what to do, as [Orders], and the end of that input
// is its own; on its standard output it tells how it is, as [Notice]; and what it logs comes out of its standard error, one JSON
// object a line.
package isolated // import "afterglow/apps/isolated"
