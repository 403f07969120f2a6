package web

import (
	"net/http"
	"strings"

	"github.com/dop251/goja"

	"afterglow/scripting/engine"
	"afterglow/scripting/web/wsdl"
)

// maxQueued is how many calls of a service may wait for its description.
const maxQueued = 1000

// serviceClass has the classes WebService, SOAPCall and SOAPFault (server-side-api 2.12).
type serviceClass struct {
	classes     *Classes
	service     *engine.Handle[*webService]
	call        *engine.Handle[*soapCall]
	constructor *goja.Object // of WebService
	fault       *goja.Object // the constructor of SOAPFault
}

// webService is the Go side of a WebService.
type webService struct {
	class  *serviceClass
	object *goja.Object
	log    *goja.Object // nil without
	known  *wsdl.Service
	broken *soapFault // why there is no description
	queued []*soapCall
}

// soapCall is the Go side of a SOAPCall.
type soapCall struct {
	service           *webService
	object            *goja.Object
	method            string
	args              []goja.Value
	request, response text
}

// text is a document that scripts see as XML once they ask for it.
type text struct {
	source string
	object *goja.Object
}

func (c *Classes) service() *serviceClass {
	if c.serviceMade != nil {
		return c.serviceMade
	}
	s := &serviceClass{classes: c}
	s.service = engine.Make(c.engine, engine.Class[*webService]{Name: "WebService", New: s.open})
	s.constructor = s.service.Constructor
	_ = s.service.Prototype.SetPrototype(c.engine.VM.NewDynamicObject(&methods{class: s}))
	document := func(of func(*soapCall) *text) engine.Property[*soapCall] {
		return engine.Property[*soapCall]{Get: func(call *soapCall, _ engine.Call) goja.Value { return c.xmlOf(of(call)) }}
	}
	s.call = engine.Make(c.engine, engine.Class[*soapCall]{
		Name: "SOAPCall",
		Properties: map[string]engine.Property[*soapCall]{
			"request":  document(func(call *soapCall) *text { return &call.request }),
			"response": document(func(call *soapCall) *text { return &call.response }),
		},
	})
	s.fault = engine.Make(c.engine, engine.Class[struct{}]{
		Name: "SOAPFault",
		New: func(_ *engine.Engine, o *goja.Object, args []goja.Value) (struct{}, error) {
			for i, name := range []string{"faultcode", "faultstring", "detail", "faultactor"} {
				_ = o.Set(name, engine.Call{Args: args}.Arg(i))
			}
			return struct{}{}, nil
		},
	}).Constructor
	c.serviceMade = s
	return s
}

// xmlOf returns a document as XML, undefined before there is one.
func (c *Classes) xmlOf(t *text) goja.Value {
	if t.source == "" {
		return nil
	}
	if t.object == nil {
		t.object = c.XML(t.source)
	}
	return t.object
}

// methods is what a service inherits from: it has every method there may be, since a script can call them before the
// description is there.
type methods struct {
	class *serviceClass
	made  map[string]goja.Value
}

// maxMethods is how many names a script may ask for.
const maxMethods = 10000

// Get returns the function that calls a method, nil for event handlers and what all objects have.
func (m *methods) Get(name string) goja.Value {
	vm := m.class.classes.engine.VM
	if v := m.made[name]; v != nil {
		return v
	}
	objects := vm.Get("Object").ToObject(vm).Get("prototype").ToObject(vm)
	if handler(name) || name == "toJSON" || strings.HasPrefix(name, "__") || objects.Get(name) != nil || len(m.made) >= maxMethods {
		return nil
	}
	f := vm.ToValue(func(c goja.FunctionCall) goja.Value {
		s, ok := m.class.service.Self(c.This)
		if !ok {
			panic(vm.NewTypeError("WebService." + name + " was called on something else"))
		}
		return s.invoke(name, c.Arguments)
	})
	if m.made == nil {
		m.made = make(map[string]goja.Value)
	}
	m.made[name] = f
	return f
}

// Set refuses: the object itself takes what scripts set.
func (m *methods) Set(string, goja.Value) bool { return false }

// Has says that there is nothing that could be listed.
func (m *methods) Has(string) bool { return false }

// Delete has nothing to do.
func (m *methods) Delete(string) bool { return true }

// Keys returns no names.
func (m *methods) Keys() []string { return nil }

// open is `new WebService(url, log)`: it begins to load the description.
func (class *serviceClass) open(e *engine.Engine, o *goja.Object, args []goja.Value) (*webService, error) {
	s := &webService{class: class, object: o}
	call := engine.Call{Engine: e, Args: args}
	s.log, _ = call.Arg(1).(*goja.Object)
	url := call.String(0)
	s.say(logVerbose, "loading the description "+shown(url))
	class.classes.requests.start(request{method: http.MethodGet, url: url, done: s.described})
	return s, nil
}

func (s *webService) say(level float64, message string) {
	s.class.classes.logTo(s.log, level, "INFO", message)
}

// described takes the description, and does what waits for it.
func (s *webService) described(a answer) {
	c := s.class.classes
	description := ""
	err := a.failure()
	if err == nil {
		description = a.text()
		s.known, err = wsdl.Parse(description)
	}
	queued := s.queued
	s.queued = nil
	if err != nil {
		s.known = nil
		s.broken = &soapFault{code: "Server.Connection", text: "the description of the service could not be loaded: " + err.Error()}
		s.say(logBrief, s.broken.text)
		c.warn("WebService: %s", s.broken.text)
		_, _, _ = c.engine.CallMethod(s.object, "onFault", s.class.faultObject(s.broken))
	} else {
		s.say(logVerbose, "the service has "+itoa(len(s.known.Operations))+" methods")
		_, _, _ = c.engine.CallMethod(s.object, "onLoad", c.XML(description))
	}
	for _, call := range queued {
		call.begin()
	}
}

// faultObject makes a SOAPFault.
func (class *serviceClass) faultObject(f *soapFault) goja.Value {
	vm := class.classes.engine.VM
	detail := goja.Undefined()
	if f.detail != nil {
		detail = class.classes.XML(f.detail.String())
	}
	o, err := vm.New(class.fault, vm.ToValue(f.code), vm.ToValue(f.text), detail, vm.ToValue(f.actor))
	if err != nil {
		return goja.Null()
	}
	return o
}
