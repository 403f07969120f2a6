//go:build !race

package e2e

// buildFlags builds the program as the tests were built.
var buildFlags []string

// memoryAllowance is by how much the memory of a server may grow that works as before, in bytes.
const memoryAllowance = 24 << 20
