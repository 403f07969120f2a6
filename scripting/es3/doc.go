// Package es3 carries scripts of the third edition of ECMAScript, as SpiderMonkey 1.5 took them, over to goja, which speaks
// a later language (server-side-api 1.8).
//
// [Rewrite] turns the source of one file into source that goja compiles to the old meaning. Every statement stays on its
// line, so positions in errors stay true. [Install] gives a runtime what the old engine had and goja has not: accessor
// functions of objects, the statics of RegExp, toSource and others. [Scan] lists the tokens of a file.
//
// A file with syntax that the old engine did not know (arrow functions, templates, let, classes and so on) was written for
// goja: its constants keep the meaning that the later language gives them. All else is treated alike.
package es3
