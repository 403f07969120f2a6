package rtmfp_test

import (
	"os"
	"time"
)

// soak says whether tests may take as long as they like.
func soak() bool { return os.Getenv("AFTERGLOW_SOAK") != "" }

// soaking gives the longer of two spans where tests may take as long as they like.
func soaking(short, long time.Duration) time.Duration {
	if soak() {
		return long
	}
	return short
}
