package web

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/dop251/goja"

	"afterglow/scripting/engine"
)

// maxVariables is how many variables a text may set.
const maxVariables = 1 << 16

// loadVars is the Go side of a LoadVars (server-side-api 2.9). The variables are properties of the object itself.
type loadVars struct{ exchange }

func (l *loadVars) exchanges() *exchange { return &l.exchange }

func (c *Classes) loadVars() *engine.Handle[*loadVars] {
	if c.loadMade == nil {
		made := engine.Make(c.engine, engine.Class[*loadVars]{
			Name: "LoadVars",
			New: func(*engine.Engine, *goja.Object, []goja.Value) (*loadVars, error) {
				return &loadVars{newExchange(c)}, nil
			},
			Methods: exchangeMethods(map[string]engine.Method[*loadVars]{
				"load":        (*loadVars).load,
				"send":        (*loadVars).send,
				"sendAndLoad": (*loadVars).sendAndLoad,
				"decode":      (*loadVars).decode,
				"toString":    func(_ *loadVars, c engine.Call) goja.Value { return c.Value(encodeVariables(c.This)) },
				"onData":      (*loadVars).onData,
			}),
			Properties: exchangeProperties(map[string]engine.Property[*loadVars]{}),
		})
		c.loadMade = made
	}
	return c.loadMade
}

func (l *loadVars) load(c engine.Call) goja.Value {
	if !c.Has(0) {
		return c.Value(false)
	}
	return l.transfer(http.MethodGet, c.String(0), "", c.This)
}

// send takes a URL, a target window, which a server has not, and a method.
func (l *loadVars) send(c engine.Call) goja.Value {
	if !c.Has(0) {
		return c.Value(false)
	}
	return l.exchange.send(methodNamed(c.String(2)), c.String(0), encodeVariables(c.This))
}

func (l *loadVars) sendAndLoad(c engine.Call) goja.Value {
	target, ok := c.Arg(1).(*goja.Object)
	if !ok || !c.Has(0) {
		return c.Value(false)
	}
	return l.transfer(methodNamed(c.String(2)), c.String(0), encodeVariables(c.This), target)
}

func (l *loadVars) decode(c engine.Call) goja.Value {
	l.assign(c.This, c.String(0))
	return nil
}

// onData is the handler that objects have unless scripts set another.
func (l *loadVars) onData(c engine.Call) goja.Value {
	text, ok := l.finish(c)
	if ok {
		l.assign(c.This, text)
	}
	_, _, _ = c.CallMethod(c.This, "onLoad", c.Value(ok))
	return nil
}

// assign makes properties of name=value pairs.
func (l *loadVars) assign(to *goja.Object, text string) {
	for n := 0; text != ""; n++ {
		if n == maxVariables {
			l.classes.warn("LoadVars: only the first %d variables were taken", maxVariables)
			return
		}
		var pair string
		pair, text, _ = strings.Cut(text, "&")
		name, value, _ := strings.Cut(pair, "=")
		if name != "" {
			_ = to.Set(unescapeForm(name), unescapeForm(value))
		}
	}
}

// encodeVariables writes the enumerable properties of an object itself that are no functions, in the order in which they
// were set.
func encodeVariables(o *goja.Object) string {
	var b strings.Builder
	for _, name := range o.Keys() {
		v := o.Get(name)
		if _, isFunction := goja.AssertFunction(v); isFunction {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('&')
		}
		escapeForm(&b, name)
		b.WriteByte('=')
		escapeForm(&b, v.String())
	}
	return b.String()
}

// escapeForm writes a text in UTF-8 with all but letters, digits and "-_." escaped; a space is %20.
func escapeForm(b *strings.Builder, text string) {
	const hex = "0123456789ABCDEF"
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c == '-' || c == '_' || c == '.' {
			b.WriteByte(c)
			continue
		}
		b.Write([]byte{'%', hex[c>>4], hex[c&15]})
	}
}

// unescapeForm undoes plus signs and escapes. What is no escape stays; what is no UTF-8 is taken for Latin-1.
func unescapeForm(text string) string {
	if !strings.ContainsAny(text, "%+") {
		return text
	}
	b := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '+':
			b = append(b, ' ')
			continue
		case text[i] == '%' && i+2 < len(text):
			if n, err := strconv.ParseUint(text[i+1:i+3], 16, 8); err == nil {
				b = append(b, byte(n))
				i += 2
				continue
			}
		}
		b = append(b, text[i])
	}
	return decodeText(b, "")
}

func itoa(i int) string { return strconv.Itoa(i) }
