package es3

import (
	"strings"

	"github.com/dop251/goja"
)

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

	function := in.functionConstructor("Function", in.constructor("Function"), translated)
	if function == nil {
		return
	}
	in.note(function.DefineDataProperty("prototype", proto, goja.FLAG_FALSE, goja.FLAG_FALSE, goja.FLAG_FALSE))
	in.hidden(vm.GlobalObject(), "Function", function)
	in.hidden(proto, "constructor", function)
	in.modernFunctions()
}

// modernFunctions has the constructors of generators and asynchronous functions, which no global names, look at the text, too.
func (in *installer) modernFunctions() {
	for name, example := range map[string]string{"GeneratorFunction": "(function* () {})", "AsyncFunction": "(async function () {})"} {
		f, err := in.vm.RunString(example)
		if in.note(err); err != nil {
			continue
		}
		proto := f.ToObject(in.vm).Prototype()
		old, _ := proto.Get("constructor").(*goja.Object)
		if function := in.functionConstructor(name, old, checked); function != nil {
			in.note(function.DefineDataProperty("prototype", proto, goja.FLAG_FALSE, goja.FLAG_FALSE, goja.FLAG_FALSE))
			in.note(proto.DefineDataProperty("constructor", function, goja.FLAG_FALSE, goja.FLAG_TRUE, goja.FLAG_FALSE))
		}
	}
}

// functionConstructor makes a constructor of functions that has a look at the parameters and treats the body before the old one
// gets them. It returns nil if that is none.
func (in *installer) functionConstructor(name string, old *goja.Object, treat func(*goja.Runtime, goja.Value) goja.Value) *goja.Object {
	vm := in.vm
	construct, ok := goja.AssertConstructor(old)
	if !ok {
		return nil
	}
	function := vm.ToValue(func(call goja.ConstructorCall) *goja.Object {
		arguments := make([]goja.Value, len(call.Arguments))
		var parameters strings.Builder
		for i, v := range call.Arguments {
			arguments[i] = text(v)
			if i < len(arguments)-1 {
				parameters.WriteString(arguments[i].String() + ",")
			}
		}
		if last := len(arguments) - 1; last >= 0 {
			checked(vm, vm.ToValue(parameters.String())) // what each leaves open goes on in the next
			arguments[last] = treat(vm, arguments[last])
		}
		made, err := construct(nil, arguments...)
		must(err)
		return made
	}).(*goja.Object)
	in.note(function.DefineDataProperty("name", vm.ToValue(name), goja.FLAG_FALSE, goja.FLAG_TRUE, goja.FLAG_FALSE))
	return function
}

// checked is the text as it is, unless Rewrite refuses it.
func checked(vm *goja.Runtime, text goja.Value) goja.Value {
	translated(vm, text)
	return text
}
