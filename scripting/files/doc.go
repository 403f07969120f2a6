// Package files is the File class of scripts (server-side-api 2.8). A script sees the folder of its application as the
// root, and virtual directories that the configuration adds; links that lead out of them are not followed. Scripts cannot
// write, move or delete the application's own code, so that one that lets clients name files cannot be made to rewrite
// itself.
//
// Methods answer false, -1 or null as documented, and report a warning where a person would ask why. They work on the
// instance's goroutine: copying a large file holds the instance up.
package files
