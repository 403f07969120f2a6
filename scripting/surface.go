package scripting

import (
	"context"
	"fmt"
	"log/slog"
	"slices"

	"github.com/dop251/goja"

	"afterglow/apps"
)

// Surface lists what scripts find: the classes with the names of their members, statics and those that a new object has of its own
// among them, in order. The functions without a class are those of "global". The names of the language itself are left out, and
// handlers, which scripts define. It makes a heap of its own, which ends with the call.
func Surface() (map[string][]string, error) {
	probe := &surfaceProbe{found: make(chan surfaceFound, 1)}
	server := apps.NewServer(apps.Options{Log: slog.New(slog.DiscardHandler)})
	server.Register("surface", probe)
	defer func() { _ = server.Close(context.Background()) }()
	if err := server.Load("surface", ""); err != nil {
		return nil, fmt.Errorf("an instance to look at: %w", err)
	}
	found := <-probe.found
	return found.classes, found.err
}

type surfaceFound struct {
	classes map[string][]string
	err     error
}

// surfaceProbe is an application that looks at a heap when it starts.
type surfaceProbe struct {
	apps.Live
	found chan surfaceFound
}

// Start makes the heap of an application without files.
func (p *surfaceProbe) Start(i *apps.Instance) error {
	h, err := newHost(Options{}, i, &folder{app: i.Application()})
	if err != nil {
		p.found <- surfaceFound{err: err}
		return err
	}
	defer h.close()
	p.found <- surfaceFound{classes: surfaceOf(h)}
	return nil
}

// surfaceOf looks at what the global object has beyond that of the bare language.
func surfaceOf(h *host) map[string][]string {
	global, bare := h.VM.GlobalObject(), goja.New().GlobalObject()
	classes := map[string][]string{"Application": members(h.VM, h.application)}
	for _, name := range global.GetOwnPropertyNames() {
		o, ok := global.Get(name).(*goja.Object)
		if !ok || bare.Get(name) != nil || name == "application" {
			continue
		}
		prototype, ok := o.Get("prototype").(*goja.Object)
		if !ok {
			classes["global"] = append(classes["global"], name)
			continue
		}
		found := slices.Concat(o.GetOwnPropertyNames(), members(h.VM, prototype))
		if example, err := h.VM.New(o); err == nil {
			found = append(found, members(h.VM, example)...)
		}
		classes[name] = found
	}
	for name, found := range classes {
		slices.Sort(found)
		classes[name] = slices.Compact(found)
	}
	return classes
}

// members returns the names that an object has, of its own and from its class, but not those that all objects have.
func members(vm *goja.Runtime, o *goja.Object) []string {
	all := vm.Get("Object").ToObject(vm).Get("prototype")
	var names []string
	for ; o != nil && !o.SameAs(all); o = o.Prototype() {
		names = append(names, o.GetOwnPropertyNames()...)
	}
	return names
}
