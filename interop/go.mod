module afterglow/interop

go 1.26

require (
	afterglow v0.0.0
	github.com/abema/go-mp4 v1.4.1
	github.com/bluenviron/gortmplib v0.2.0
	github.com/bluenviron/mediacommon/v2 v2.6.0
)

require (
	github.com/google/uuid v1.6.0 // indirect
	golang.org/x/sys v0.35.0 // indirect
)

replace afterglow => ..
