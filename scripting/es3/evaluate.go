package es3

import "github.com/dop251/goja"

// translator is the global function that the text handed to eval passes through. It is there with Install.
const translator = "__es3"

// rewriteEvals has the text of direct calls of eval pass through the translator. The call stays a direct one, with the
// variables of the function around it.
func (p *parser) rewriteEvals() {
	if p.ownEval {
		return
	}
	for _, arguments := range p.evals {
		if arguments.from >= arguments.to {
			continue
		}
		p.edit().before(arguments.from, translator+"(")
		p.edit().after(arguments.to, ")")
	}
}

// translation adds the translator. It leaves alone what is no string or has no tokens, which eval then reports.
func (in *installer) translation() {
	vm := in.vm
	translate := in.function(translator, func(call goja.FunctionCall) goja.Value { return translated(vm, call.Argument(0)) })
	in.note(vm.GlobalObject().DefineDataProperty(translator, translate, goja.FLAG_FALSE, goja.FLAG_FALSE, goja.FLAG_FALSE))
}

// translated is the text of a function or of a call of eval after Rewrite, whose errors it throws as SyntaxError.
func translated(vm *goja.Runtime, text goja.Value) goja.Value {
	if _, ok := text.(goja.String); !ok {
		return text
	}
	old := text.String()
	now, err := rewrite("eval", old, inner)
	if err != nil {
		// What Rewrite does not pass goja's parser must not see: text nested deep enough ends the process there.
		thrown, _ := vm.New(vm.Get("SyntaxError"), vm.ToValue(err.Error()))
		panic(thrown)
	}
	if now == old {
		return text
	}
	return vm.ToValue(now)
}

// functions adds arity, and a constructor of functions that takes old syntax.
func (in *installer) functions() {
	vm, proto := in.vm, in.prototype("Function")
	arity := in.function("arity", func(call goja.FunctionCall) goja.Value { return orUndefined(call.This.ToObject(vm).Get("length")) })
	in.note(proto.DefineAccessorProperty("arity", arity, nil, goja.FLAG_TRUE, goja.FLAG_FALSE))

	construct, ok := goja.AssertConstructor(in.constructor("Function"))
	if !ok {
		return
	}
	function := vm.ToValue(func(call goja.ConstructorCall) *goja.Object {
		arguments := make([]goja.Value, len(call.Arguments))
		copy(arguments, call.Arguments)
		if last := len(arguments) - 1; last >= 0 {
			arguments[last] = translated(vm, text(arguments[last]))
		}
		made, err := construct(nil, arguments...)
		must(err)
		return made
	}).(*goja.Object)
	in.note(function.DefineDataProperty("name", vm.ToValue("Function"), goja.FLAG_FALSE, goja.FLAG_TRUE, goja.FLAG_FALSE))
	in.note(function.DefineDataProperty("prototype", proto, goja.FLAG_FALSE, goja.FLAG_FALSE, goja.FLAG_FALSE))
	in.hidden(vm.GlobalObject(), "Function", function)
	in.hidden(proto, "constructor", function)
}
