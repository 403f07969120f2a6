package scripting

import (
	"github.com/dop251/goja"
)

// unsupported are the classes that are there and cannot be used yet, with what stands in the docs about them.
var unsupported = []string{"NetGroup", "GroupSpecifier", "GroupControl", "NetGroupInfo", "NetStreamMulticastInfo", "NetStreamInfo", "ProxyStream"}

// installUnsupported defines them: scripts that only look whether they are there go on, those that use one get an error
// that says where to read on.
func (h *host) installUnsupported() {
	for _, name := range unsupported {
		h.Lazy(name, func() goja.Value {
			return h.VM.ToValue(func(goja.ConstructorCall) *goja.Object {
				h.notSupported(name)
				return nil
			})
		})
	}
}

// notSupported throws.
func (h *host) notSupported(what string) {
	h.Throw("%s is not supported by this version of Afterglow: see docs/scripting.md, \"What is not there\"", what)
}
