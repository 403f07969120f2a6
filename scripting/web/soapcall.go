package web

import (
	"net/http"
	"slices"

	"github.com/dop251/goja"

	"afterglow/scripting/web/wsdl"
)

// invoke calls a method of the service, now or once its description is there.
func (s *webService) invoke(method string, args []goja.Value) goja.Value {
	call := &soapCall{service: s, method: method, args: slices.Clone(args)}
	call.object = s.class.call.Wrap(call)
	switch {
	case s.known != nil || s.broken != nil:
		call.begin()
	case len(s.queued) >= maxQueued:
		call.failLater(&soapFault{code: "Client", text: "too many calls wait for the description of the service"})
	default:
		s.queued = append(s.queued, call)
	}
	return call.object
}

// begin sends a call. What goes wrong is told later.
func (call *soapCall) begin() {
	s := call.service
	c := s.class.classes
	if s.broken != nil {
		call.failLater(s.broken)
		return
	}
	op := s.known.Operations[call.method]
	if op == nil {
		call.failLater(&soapFault{code: "Client.NoSuchMethod", text: "the service has no method " + call.method})
		return
	}
	request, err := call.write(op)
	if err != nil {
		call.failLater(&soapFault{code: "Client", text: err.Error()})
		return
	}
	call.request.source = request.body
	request.url = s.known.Endpoint
	request.done = func(a answer) { call.answered(op, a) }
	s.say(logVerbose, "calling "+call.method)
	c.requests.start(request)
}

// write makes the request of a call. Objects among the arguments may throw when they are read.
func (call *soapCall) write(op *wsdl.Operation) (r request, err error) {
	vm := call.service.class.classes.engine.VM
	if x := vm.Try(func() { r.body, err = writeRequest(vm, op, call.args) }); x != nil {
		return r, x
	}
	r.method, r.contentType = http.MethodPost, "text/xml; charset=utf-8"
	r.headers = []header{{"SOAPAction", `"` + op.Action + `"`}}
	return r, err
}

// answered takes what the service said.
func (call *soapCall) answered(op *wsdl.Operation, a answer) {
	e := call.service.class.classes.engine
	if a.err != nil {
		call.fail(&soapFault{code: "Server.Connection", text: a.err.Error()})
		return
	}
	source := a.text()
	body := openEnvelope(source)
	if body == nil {
		fault := &soapFault{code: "Server", text: "the service did not answer with a SOAP message"}
		if err := a.failure(); err != nil {
			fault = &soapFault{code: "Server.Connection", text: err.Error()}
		}
		call.fail(fault)
		return
	}
	call.response.source = source
	if fault := faultOf(body); fault != nil {
		call.fail(fault)
		return
	}
	r := soapReader{vm: e.VM, body: body}
	result := r.result(op.Output)
	call.service.say(logVerbose, "result of "+call.method)
	_, _, _ = e.CallMethod(call.object, "onResult", result)
}

// failLater lets the script set its handlers first.
func (call *soapCall) failLater(f *soapFault) {
	call.service.class.classes.engine.Post(func() { call.fail(f) })
}

// fail tells the call of a fault, or the service if the call does not listen.
func (call *soapCall) fail(f *soapFault) {
	s := call.service
	e := s.class.classes.engine
	s.say(logBrief, "fault of "+call.method+": "+f.text)
	fault := s.class.faultObject(f)
	if _, has, _ := e.CallMethod(call.object, "onFault", fault); !has {
		_, _, _ = e.CallMethod(s.object, "onFault", fault)
	}
}
