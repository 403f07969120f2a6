//go:build race

package e2e

// buildFlags builds the program as the tests were built, so that its races fail them.
var buildFlags = []string{"-race"}
