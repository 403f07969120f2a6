package engine

import (
	"time"

	"github.com/dlclark/regexp2"
)

// LimitRegexps bounds how long a regular expression may backtrack in one match, for the whole process: what takes longer
// matches nothing, and the guard can interrupt the call then. A program calls it once, before its first Engine.
func LimitRegexps(most time.Duration) { regexp2.DefaultMatchTimeout = most }
