package es3

import (
	"math"

	"github.com/dop251/goja"
)

// dates adds the functions of dates that count years from 1900, and the old name of toUTCString.
func (in *installer) dates() {
	vm, proto := in.vm, in.prototype("Date")
	getFullYear, setFullYear := in.native(proto, "getFullYear"), in.native(proto, "setFullYear")
	setTime := in.native(proto, "setTime")

	in.method(proto, "getYear", func(call goja.FunctionCall) goja.Value {
		year := getFullYear(goja.FunctionCall{This: call.This})
		return vm.ToValue(year.ToFloat() - 1900)
	})
	in.method(proto, "setYear", func(call goja.FunctionCall) goja.Value {
		year := math.Trunc(call.Argument(0).ToFloat())
		if math.IsNaN(year) {
			return setTime(goja.FunctionCall{This: call.This, Arguments: []goja.Value{goja.NaN()}})
		}
		if year >= 0 && year <= 99 {
			year += 1900
		}
		return setFullYear(goja.FunctionCall{This: call.This, Arguments: []goja.Value{vm.ToValue(year)}})
	})
	in.hidden(proto, "toGMTString", proto.Get("toUTCString"))
}
