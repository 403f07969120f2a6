module afterglow

go 1.26

require (
	github.com/alecthomas/kong v1.12.1
	github.com/google/go-cmp v0.7.0
	github.com/yutopp/go-amf0 v0.1.1
	go.yaml.in/yaml/v3 v3.0.4
	golang.org/x/sys v0.35.0
	pgregory.net/rapid v1.2.0
)

require (
	github.com/kr/pretty v0.1.0 // indirect
	github.com/stretchr/testify v1.9.0 // indirect
	gopkg.in/check.v1 v1.0.0-20180628173108-788fd7840127 // indirect
)
