package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"afterglow/configs"
)

// ConfigCmd has what can be done with a configuration without running the server.
type ConfigCmd struct {
	Check   ConfigCheckCmd   `cmd:"" help:"Say what is wrong with the configuration."`
	Default ConfigDefaultCmd `cmd:"" help:"Print the default configuration file, which explains every key."`
}

// Help is shown by afterglow config --help.
func (ConfigCmd) Help() string {
	return `Examples:
  afterglow config check --config /etc/afterglow.yaml
  afterglow config default > afterglow.yaml`
}

// settings are the flags that say where the configuration comes from.
type settings struct {
	Config string   `help:"Configuration file. Default: ./afterglow.yaml if it is there." placeholder:"FILE" type:"path"`
	Set    []string `help:"Set a key of the configuration, such as --set rtmp.listen=127.0.0.1:0." placeholder:"KEY=VALUE" sep:"none"`
}

func (s settings) sources() configs.Sources {
	return configs.Sources{File: s.Config, Env: os.Environ(), Set: s.Set}
}

// ConfigCheckCmd checks the configuration that serve would use.
type ConfigCheckCmd struct {
	settings
}

// Help is shown by afterglow config check --help.
func (ConfigCheckCmd) Help() string {
	return `Examples:
  afterglow config check
  afterglow config check --config /etc/afterglow.yaml --set play.write.mode=off

It looks at the file, the environment and --set as afterglow serve does, and starts nothing. Each problem is one line
with its place, its key and what is allowed; the exit status is then 1.`
}

// Run checks and prints to standard output.
func (c ConfigCheckCmd) Run() error { return checkConfig(c.sources(), os.Stdout) }

func checkConfig(sources configs.Sources, w io.Writer) error {
	config, err := configs.Load(sources)
	if err != nil {
		return err
	}
	if config.RTMPS.Certificate != "" {
		if _, err := readCertificate(config.RTMPS); err != nil {
			return err
		}
	}
	fmt.Fprintf(w, "OK: %s\n", configurationName(sources))
	for _, change := range configs.Diff(configs.Default(), config) {
		fmt.Fprintf(w, "  %s = %s (default %s)\n", change.Key, quoteEmpty(change.New), quoteEmpty(change.Old))
	}
	return nil
}

// configurationName says in words which file the configuration comes from.
func configurationName(sources configs.Sources) string {
	if sources.File != "" {
		return sources.File
	}
	if _, err := os.Stat(configs.DefaultFile); errors.Is(err, fs.ErrNotExist) {
		return "there is no ./" + configs.DefaultFile + ", the defaults hold"
	}
	return "./" + configs.DefaultFile
}

func quoteEmpty(s string) string {
	if s == "" {
		return `""`
	}
	return s
}

// ConfigDefaultCmd prints the reference.
type ConfigDefaultCmd struct{}

// Help is shown by afterglow config default --help.
func (ConfigDefaultCmd) Help() string {
	return `Example:
  afterglow config default > afterglow.yaml

A file needs only the keys that shall differ from the default.`
}

// Run prints the default configuration file to standard output.
func (ConfigDefaultCmd) Run() error {
	_, err := io.WriteString(os.Stdout, configs.Reference())
	return err
}
