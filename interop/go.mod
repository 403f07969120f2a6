module afterglow/interop

go 1.26

require afterglow v0.0.0

require golang.org/x/sys v0.35.0 // indirect

replace afterglow => ..
