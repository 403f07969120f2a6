package engine

import "github.com/dop251/goja"

// deepestJSON is how deep JSON text may nest. The parser calls itself for each level, and what overflows the stack there
// ends the whole process.
const deepestJSON = 2000

// installJSON has JSON.parse refuse text that nests too deeply, which may come from a client.
func (e *Engine) installJSON() {
	json, ok := e.VM.Get("JSON").(*goja.Object)
	if !ok {
		return
	}
	parse, ok := goja.AssertFunction(json.Get("parse"))
	if !ok {
		return
	}
	e.Hide(json, "parse", e.VM.ToValue(func(call goja.FunctionCall) goja.Value {
		text := call.Argument(0).ToString()
		if nesting(text.String()) > deepestJSON {
			e.Throw("JSON.parse: the text nests deeper than %d", deepestJSON)
		}
		v, err := parse(call.This, text, call.Argument(1))
		if err != nil {
			panic(err) // goja throws it on
		}
		return v
	}))
}

// nesting returns how deep brackets and braces nest in JSON text, outside of its strings.
func nesting(text string) (deepest int) {
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[' || c == '{':
			depth++
			deepest = max(deepest, depth)
		case c == ']' || c == '}':
			depth--
		}
	}
	return deepest
}
