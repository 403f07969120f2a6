// Package values turns what AMF carries into values of a script and back (server-side-api 1.8): dates, dense and mixed
// arrays, typed objects of classes that scripts registered (server-side-api 2.2), cycles and shared objects.
//
//	c := values.New(e)
//	c.Register("com.example.Note", constructor)
//	args := c.ToScripts(message)
//	result, err := c.FromScript(answer)
//
// A [Converter] belongs to its engine and is used on the engine's goroutine only.
package values
