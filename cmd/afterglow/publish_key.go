package main

import (
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"afterglow/configs"
)

// keyFile is where the key that the first start makes is kept, under data.dir.
const keyFile = "publish.key"

// publishKey is what publishers from elsewhere must show.
type publishKey struct {
	value string
	file  string // where it is kept; empty when the configuration has it
	made  bool   // just now
}

// loadPublishKey returns the configuration's key, the kept one, or a new one.
func loadPublishKey(c *configs.Config) (publishKey, error) {
	if c.Publish.Key != "" {
		return publishKey{value: c.Publish.Key}, nil
	}
	k, err := keptKey(c)
	if err == nil && k.value == "" {
		k, err = makeKey(c.Data.Dir)
	}
	if err != nil {
		return publishKey{}, fmt.Errorf("publish.key is not set, so that one is kept under data.dir: %w", err)
	}
	return k, nil
}

// keptKey reads the key under data.dir; its value is empty where there is none.
func keptKey(c *configs.Config) (publishKey, error) {
	k := publishKey{file: filepath.Join(c.Data.Dir, keyFile)}
	b, err := os.ReadFile(k.file)
	if errors.Is(err, fs.ErrNotExist) {
		return k, nil
	}
	if err != nil {
		return k, err
	}
	k.value = strings.TrimSpace(string(b))
	with := *c
	with.Publish.Key = k.value
	if err := with.Check(); err != nil {
		return k, fmt.Errorf("%s: %w", k.file, err)
	}
	return k, nil
}

// makeKey makes a key that nobody guesses and that can be typed.
func makeKey(dir string) (publishKey, error) {
	var raw [15]byte
	rand.Read(raw[:])
	k := publishKey{
		value: strings.ToLower(base32.StdEncoding.EncodeToString(raw[:])),
		file:  filepath.Join(dir, keyFile),
		made:  true,
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return k, err
	}
	return k, writePrivately(k.file, []byte(k.value+"\n"))
}

// writePrivately replaces a file by one that only its owner can read, in one step.
func writePrivately(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
