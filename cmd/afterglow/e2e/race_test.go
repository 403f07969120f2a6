//go:build race

package e2e

// buildFlags builds the program as the tests were built, so that its races fail them.
var buildFlags = []string{"-race"}

// memoryAllowance is by how much the memory of a server may grow that works as before, in bytes.
const memoryAllowance = 96 << 20
