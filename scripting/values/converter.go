package values

import (
	"slices"

	"github.com/dop251/goja"

	"afterglow/amf"
	"afterglow/scripting/engine"
)

// Converter converts between the values of AMF and those of one script heap.
type Converter struct {
	// XML makes the script's object of an XML document. Nil: documents become strings.
	XML func(text string) *goja.Object
	// XMLText returns the text of an object that XML or the script made, or false for any other object.
	XMLText func(o *goja.Object) (text string, ok bool)
	// ByteArray makes the script's object of bytes, which it may keep. Nil: byte arrays become undefined.
	ByteArray func(b []byte) *goja.Object
	// Bytes returns the content of a ByteArray, which the converter copies, or false for any other object.
	Bytes func(o *goja.Object) (b []byte, ok bool)
	// Limits bounds what FromScript and FromScripts take from a script for one message: how deep, how many elements, how
	// many bytes of strings, names and byte arrays. Zero fields have the defaults of [amf.Limits].
	Limits amf.Limits

	engine  *engine.Engine
	date    *goja.Object  // the constructor
	plain   *goja.Object  // Object.prototype
	unbox   goja.Callable // String.prototype.valueOf
	count   goja.Callable // made of counter when it is first needed
	classes []class       // the oldest first
}

// class is what a script has registered.
type class struct {
	name        string
	constructor *goja.Object
}

// New returns a converter for an engine. It comes before the scripts, which may replace what it takes from the language.
func New(e *engine.Engine) *Converter {
	unbox, _ := e.Method(e.VM.ToValue("").ToObject(e.VM), "valueOf")
	return &Converter{
		engine: e,
		date:   e.VM.Get("Date").ToObject(e.VM),
		plain:  e.VM.NewObject().Prototype(),
		unbox:  unbox,
	}
}

// Register makes a class of a constructor: typed objects of that name are built with it, and what it constructed is sent
// under that name (server-side-api 2.2). The constructor runs without arguments, properties are assigned afterwards. A
// name registered again gets the new constructor; a nil constructor unregisters.
func (c *Converter) Register(name string, constructor *goja.Object) {
	c.Unregister(name)
	if constructor != nil {
		c.classes = append(c.classes, class{name, constructor})
	}
}

// Unregister forgets a class, if there is one of that name.
func (c *Converter) Unregister(name string) {
	c.classes = slices.DeleteFunc(c.classes, func(x class) bool { return x.name == name })
}

// constructor returns what was registered for a name, or nil.
func (c *Converter) constructor(name string) *goja.Object {
	if name == "" {
		return nil
	}
	for _, x := range c.classes {
		if x.name == name {
			return x.constructor
		}
	}
	return nil
}

// longestChain is how many prototypes are looked at.
const longestChain = 256

// className returns the name under which an object is sent: that of the nearest class in its prototype chain, the one
// that was registered last if there are several, or "".
func (c *Converter) className(prototype *goja.Object) string {
	if len(c.classes) == 0 {
		return ""
	}
	for n := 0; prototype != nil && n < longestChain; n++ {
		for _, x := range slices.Backward(c.classes) {
			if p, ok := x.constructor.Get("prototype").(*goja.Object); ok && p == prototype {
				return x.name
			}
		}
		prototype = prototype.Prototype()
	}
	return ""
}

// wrapper returns the property in which a class of Flex that serializes itself keeps the value that it wraps; ObjectProxy
// shows the properties of that value as its own.
func wrapper(class string) (property string, proxy, ok bool) {
	switch class {
	case "flex.messaging.io.ArrayCollection", "flex.messaging.io.ArrayList":
		return "source", false, true
	case "flex.messaging.io.ObjectProxy":
		return "", true, true
	}
	return "", false, false
}
