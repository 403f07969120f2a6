// Package scripting runs server-side ActionScript: it makes an apps.Application of a folder with a main.asc
// (server-side-api sections 1 to 4).
//
// [Scripts] knows the folders of the applications. What it returns for an application is asked by apps like one written
// in Go; an instance of it has one script heap, which lives on the instance's goroutine. A folder without a script is an
// application that accepts everybody, as [apps.Live] does.
//
//	scripts := scripting.New(scripting.Options{Dial: dial, HTTP: client})
//	server := apps.NewServer(apps.Options{Config: config, Code: scripts.Application})
//
// The sub-packages have what an instance is made of: engine runs a heap, es3 makes old source fit for it, values
// converts to and from AMF, and files, web and bytearrays have classes of their own.
package scripting
