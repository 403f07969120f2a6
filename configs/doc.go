// Package configs has the configuration of Afterglow: its type, its defaults, how it is loaded and how it is checked.
//
// A [Config] is built in layers, each over the one before: the embedded default file ([Reference]), the
// configuration file, the environment and the --set arguments ([Load]). Whatever is wrong in any of them is
// reported at once, as [Errors], each with its place, its key and what is allowed. [Diff] tells what changed
// between two configurations and which of that needs a restart.
//
//	config, err := configs.Load(configs.Sources{File: path, Env: os.Environ(), Set: arguments})
//	if err != nil {
//		return err
//	}
//	live := config.Application("live")
//
// The reference for the keys is the default file, afterglow.yaml; the doc comments here give units and limits.
package configs
