package es3

import (
	"strings"

	"github.com/dop251/goja"
)

// tags are the functions of strings that put an HTML element around the string.
var tags = [...]struct{ name, element, attribute string }{
	{"anchor", "a", "name"}, {"big", "big", ""}, {"blink", "blink", ""}, {"bold", "b", ""}, {"fixed", "tt", ""},
	{"fontcolor", "font", "color"}, {"fontsize", "font", "size"}, {"italics", "i", ""}, {"link", "a", "href"},
	{"small", "small", ""}, {"strike", "strike", ""}, {"sub", "sub", ""}, {"sup", "sup", ""},
}

// markup adds the functions of tags.
func (in *installer) markup() {
	vm, proto := in.vm, in.prototype("String")
	for _, tag := range tags {
		in.method(proto, tag.name, func(call goja.FunctionCall) goja.Value {
			open := "<" + tag.element
			if tag.attribute != "" {
				open += " " + tag.attribute + `="` + strings.ReplaceAll(call.Argument(0).String(), `"`, "&quot;") + `"`
			}
			return vm.ToValue(open + ">" + call.This.String() + "</" + tag.element + ">")
		})
	}
}
