//go:build !race

package e2e

// buildFlags builds the program as the tests were built.
var buildFlags []string
