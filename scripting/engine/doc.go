// Package engine runs one script heap: a goja runtime that speaks ECMAScript 3, with timers, limits on time, memory and
// call depth, host classes, and errors that name file and line (server-side-api 1.5, 1.6, 1.8).
//
// An [Engine] belongs to one goroutine at a time, its instance's. Only [Engine.Post] may be called from others: it hands
// a function to that goroutine.
//
//	e, _ := engine.New(engine.Options{Post: instance.Do, Report: log})
//	engine.Define(e, engine.Class[*Counter]{
//		Name:    "Counter",
//		New:     func(*engine.Engine, *goja.Object, []goja.Value) (*Counter, error) { return &Counter{}, nil },
//		Methods: map[string]engine.Method[*Counter]{"add": (*Counter).add},
//	})
//	err := e.Run("main.asc", source)
package engine
