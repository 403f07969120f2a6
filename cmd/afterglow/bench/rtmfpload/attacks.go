package rtmfpload

// The attacks, in the order in which Flood runs them.
var attackNames = []string{"random", "mutated", "replayed", "hello", "forged", "keying"}

var attackAbout = map[string]string{
	"random":   "random bytes of random sizes",
	"mutated":  "packets of the innocent sessions with a bit changed",
	"replayed": "packets of the innocent sessions as they were",
	"hello":    "IHellos for the server's identity",
	"forged":   "IIKeyings with made-up cookies",
	"keying":   "IIKeyings with the server's own cookies",
}

// quiet is the name of the phase without attackers.
const quiet = "quiet"
