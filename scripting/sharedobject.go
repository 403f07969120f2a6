package scripting

import (
	"github.com/dop251/goja"

	"afterglow/amf"
	"afterglow/apps"
	"afterglow/netconn"
	"afterglow/scripting/engine"
)

// objectName names a shared object for the script: one object for each name and persistence.
type objectName struct {
	name       string
	persistent bool
}

// sharedObject is the Go side of a SharedObject object (server-side-api 2.5).
type sharedObject struct {
	host   *host
	name   objectName
	shared *apps.SharedObject
	object *goja.Object
	live   map[string]goja.Value // objects that the script has been given as properties, which stay the same until somebody else changes them
	nc     *netConnection        // of a proxied object
}

// installSharedObject defines the class when a script first asks for it.
func (h *host) installSharedObject() {
	h.Lazy("SharedObject", func() goja.Value { return h.sharedObjectClass().Constructor })
}

func (h *host) sharedObjectClass() *engine.Handle[*sharedObject] {
	type so = *sharedObject
	h.objectClass = engine.Make(h.Engine, engine.Class[so]{
		Name: "SharedObject",
		Statics: map[string]any{
			"get":    h.getSharedObject,
			"commit": func(c engine.Call) goja.Value { return c.Value(h.instance.CommitSharedObjects(c.String(0))) },
		},
		Properties: map[string]engine.Property[so]{
			"name":    {Get: func(o so, c engine.Call) goja.Value { return c.Value(o.shared.Name()) }},
			"version": {Get: func(o so, c engine.Call) goja.Value { return c.Value(o.shared.Version()) }},
			"isDirty": {Get: func(o so, c engine.Call) goja.Value { return c.Value(o.shared.Dirty()) }},
			"autoCommit": {
				Get: func(o so, c engine.Call) goja.Value { return c.Value(o.shared.AutoCommit()) },
				Set: func(o so, _ engine.Call, v goja.Value) { o.shared.SetAutoCommit(v.ToBoolean()) },
			},
			"resyncDepth": {
				Get: func(o so, c engine.Call) goja.Value { return c.Value(o.shared.ResyncDepth()) },
				Set: func(o so, _ engine.Call, v goja.Value) { o.setResyncDepth(v.ToFloat()) },
			},
		},
		Methods: map[string]engine.Method[so]{
			"getProperty":      func(o so, c engine.Call) goja.Value { return o.property(c.Arg(0).String()) },
			"getPropertyNames": so.propertyNames,
			"setProperty":      so.setProperty,
			"size":             func(o so, c engine.Call) goja.Value { return c.Value(o.shared.Len()) },
			"clear": func(o so, c engine.Call) goja.Value {
				clear(o.live)
				return c.Value(o.shared.Clear())
			},
			"close":  so.close,
			"flush":  so.flush,
			"lock":   func(o so, c engine.Call) goja.Value { return c.Value(o.shared.Lock()) },
			"unlock": func(o so, c engine.Call) goja.Value { return c.Value(o.shared.Unlock()) },
			"mark":   so.mark,
			"purge":  so.purge,
			"send":   so.send,
		},
	})
	return h.objectClass
}

// getSharedObject takes (name, persistence, NetConnection of the owner).
func (h *host) getSharedObject(c engine.Call) goja.Value {
	name := objectName{c.String(0), c.Bool(1, false)}
	n, proxied := h.netClass.Self(c.Arg(2))
	if o := h.objects[name]; o != nil {
		if proxied {
			o.own(n)
		}
		return o.object
	}
	o := &sharedObject{host: h, name: name, live: make(map[string]goja.Value)}
	var err error
	if proxied {
		o.shared, err = h.instance.ProxySharedObject(name.name, name.persistent)
	} else {
		o.shared, err = h.instance.SharedObject(name.name, name.persistent)
	}
	if err != nil {
		h.warn("SharedObject.get(" + name.name + "): " + err.Error())
		return goja.Null()
	}
	o.object = h.objectClass.Wrap(o)
	o.shared.Listen(apps.SharedObjectListener{Sync: o.sync, Message: o.message})
	h.objects[name] = o
	if proxied {
		o.own(n)
	}
	return o.object
}

// own names the connection to a proxied object's owner.
func (o *sharedObject) own(n *netConnection) {
	o.nc = n
	n.objects[o] = struct{}{}
	o.attach()
}

// attach follows the owner's object once there is a connection.
func (o *sharedObject) attach() {
	if o.nc == nil || o.nc.client == nil {
		return
	}
	if err := o.shared.Attach(o.nc.client); err != nil {
		o.host.warn("SharedObject " + o.name.name + ": " + err.Error())
	}
}

// drop gives the reference back.
func (o *sharedObject) drop() {
	if o.host.objects[o.name] != o {
		return
	}
	delete(o.host.objects, o.name)
	if o.nc != nil {
		delete(o.nc.objects, o)
	}
	o.shared.Listen(apps.SharedObjectListener{})
	o.shared.Close()
}

func (o *sharedObject) close(engine.Call) goja.Value {
	o.drop()
	return nil
}

// property is a property as the script knows it: the same object each time while nobody has changed it.
func (o *sharedObject) property(name string) goja.Value {
	if v := o.live[name]; v != nil {
		return v
	}
	v, ok := o.shared.Get(name)
	if !ok {
		return goja.Null()
	}
	return o.keep(name, o.host.values.ToScript(v))
}

// keep remembers what the script knows a property as, if it is an object.
func (o *sharedObject) keep(name string, v goja.Value) goja.Value {
	if _, isObject := v.(*goja.Object); isObject {
		o.live[name] = v
	} else {
		delete(o.live, name)
	}
	return v
}

func (o *sharedObject) propertyNames(c engine.Call) goja.Value {
	names := o.shared.Names()
	out := make([]any, len(names))
	for n, name := range names {
		out[n] = name
	}
	return c.VM.NewArray(out...)
}

// setProperty takes (name, value); null and undefined delete.
func (o *sharedObject) setProperty(c engine.Call) goja.Value {
	name := c.Arg(0).String()
	v := o.host.arguments([]goja.Value{c.Arg(1)})[0]
	if err := o.shared.Set(name, v); err != nil {
		o.host.warn("SharedObject " + o.name.name + ": " + name + ": " + err.Error())
		return nil
	}
	if v == nil || v == amf.Undefined {
		delete(o.live, name)
	} else if !o.shared.Proxied() {
		o.keep(name, c.Arg(1))
	}
	return nil
}

func (o *sharedObject) setResyncDepth(n float64) {
	depth := -1
	if n >= 0 && n < 1<<31 {
		depth = int(n)
	}
	o.shared.SetResyncDepth(depth)
}

func (o *sharedObject) flush(c engine.Call) goja.Value {
	if err := o.shared.Flush(); err != nil {
		o.host.Post(func() {
			o.host.status(o.object, netconn.Status{Code: "SharedObject.Flush.Failed", Level: netconn.LevelError, Description: err.Error(), Details: o.name.name})
		})
		return c.Value(false)
	}
	return c.Value(true)
}

func (o *sharedObject) mark(c engine.Call) goja.Value {
	if len(c.Args) > 0 {
		o.shared.Mark(c.String(0), o.host.arguments(c.Args[1:])...)
	}
	return nil
}

func (o *sharedObject) purge(c engine.Call) goja.Value {
	if n := c.Number(0, 0); n > 0 && n < 1<<32 {
		o.shared.Purge(uint32(n))
	}
	return nil
}

func (o *sharedObject) send(c engine.Call) goja.Value {
	if len(c.Args) == 0 {
		return c.Value(false)
	}
	return c.Value(o.shared.Send(c.String(0), o.host.arguments(c.Args[1:])...))
}

// sync tells onSync what clients have changed.
func (o *sharedObject) sync(changes []netconn.SyncChange) {
	for _, c := range changes {
		if delete(o.live, c.Name); c.Code == netconn.SyncCleared {
			clear(o.live)
		}
	}
	if _, ok := o.host.Method(o.object, "onSync"); !ok {
		return
	}
	list := make([]any, len(changes))
	for n, c := range changes {
		item := o.host.object("code", string(c.Code), "name", c.Name)
		if c.OldValue != nil {
			o.host.define(item, "oldValue", o.host.values.ToScript(c.OldValue))
		} else {
			o.host.define(item, "oldValue", goja.Undefined())
		}
		list[n] = item
	}
	_, _, _ = o.host.CallMethod(o.object, "onSync", o.host.VM.NewArray(list...))
}

// message calls the handler that a client has named.
func (o *sharedObject) message(from *apps.Client, handler string, args []amf.Value) {
	f, this, ok := o.host.method(o.object, handler)
	if !ok || handler == "onSync" || handler == "onStatus" {
		return
	}
	_, _ = o.host.Call(f, this, o.host.values.ToScripts(args)...)
}
