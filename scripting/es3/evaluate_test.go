package es3

import (
	"strings"
	"testing"

	"github.com/dop251/goja"
)

// Text that nests deep enough overflows the stack in goja's parser, which ends the process: no constructor of functions may
// hand it on, neither as a body nor as parameters, one or several together.
func TestFunctionsAreNotMadeOfTextThatNestsTooDeeply(t *testing.T) {
	for _, constructor := range []string{"Function", "(function () {}).constructor", "Object.getPrototypeOf(function* () {}).constructor",
		"Object.getPrototypeOf(async function () {}).constructor"} {
		for _, arguments := range []string{"deep", "'a=' + deep, ''", "'a', 'b=' + deep, 'return 1'", "half, half, half, ''"} {
			vm := goja.New()
			if err := Install(vm); err != nil {
				t.Fatal(err)
			}
			_ = vm.Set("deep", strings.Repeat("(", 1<<20))
			_ = vm.Set("half", "a="+strings.Repeat("(", 600))
			_, err := vm.RunString("new (" + constructor + ")(" + arguments + ")")
			if err == nil || !strings.Contains(err.Error(), "nested too deeply") {
				t.Errorf("new (%s)(%s): %v", constructor, arguments, err)
			}
		}
	}
}

// What is fine makes functions as before.
func TestFunctionsAreMadeOfText(t *testing.T) {
	for source, want := range map[string]string{
		`new Function("a", "b", "return a + b")(1, 2)`:      "3",
		`Function("a, b", "return a * b")(2, 3)`:            "6",
		`new Function("{a}", "return a")({a: 4})`:           "4",
		`new Function("a = [1, (2)]", "return a.length")()`: "2",
		`new Function()()`:                                  "undefined",
		`Object.getPrototypeOf(function* () {}).constructor("a", "yield a; yield 2")(1).next().value`:                          "1",
		`Object.getPrototypeOf(function* () {}).constructor("") instanceof Object.getPrototypeOf(function* () {}).constructor`: "true",
		`Object.getPrototypeOf(async function () {}).constructor.name`:                                                         "AsyncFunction",
	} {
		vm := goja.New()
		if err := Install(vm); err != nil {
			t.Fatal(err)
		}
		if v, err := vm.RunString(source); err != nil || v.String() != want {
			t.Errorf("%s: %v, %v, want %s", source, v, err, want)
		}
	}
}
