package configs

import (
	_ "embed"
)

// DefaultFile is the name under which [Load] looks for a configuration file in the working directory.
const DefaultFile = "afterglow.yaml"

//go:embed afterglow.yaml
var reference string

// Reference returns the default configuration file: every key with its default, what it means and what is allowed.
func Reference() string {
	return reference
}

// Default returns the configuration that holds where nothing is configured: the values of [Reference].
// Each call returns a fresh one.
func Default() *Config {
	l := newLoader()
	l.file("default "+DefaultFile, []byte(reference))
	return l.config
}
