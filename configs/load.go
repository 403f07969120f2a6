package configs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"reflect"
)

// maxFile is the most that a configuration file may hold, in bytes.
const maxFile = 1 << 20

// maxErrors is the most problems that are reported at once.
const maxErrors = 50

// Sources says where settings come from, beginning with the weakest.
type Sources struct {
	// File is the path of the configuration file. Empty: [DefaultFile] in the working directory, if there is one.
	File string
	// Env has environment variables as [os.Environ] returns them. Those that do not begin with AFTERGLOW_ are ignored.
	Env []string
	// Set has "key=value" settings, in the order of the command line.
	Set []string
}

// Load returns the defaults with the settings of the file, the environment and Set over them, in that order.
// What is wrong with the settings comes back as [Errors], all of it together; a file that cannot be read as a
// wrapped error of package os.
func Load(sources Sources) (*Config, error) {
	name, data, err := readFile(sources.File)
	if err != nil {
		return nil, err
	}
	return load(name, data, sources)
}

// load is Load with the content of the file.
func load(name string, data []byte, sources Sources) (*Config, error) {
	l := newLoader()
	l.file("default "+DefaultFile, []byte(reference))
	l.layer = layerFile
	l.file(name, data)
	l.environment(sources.Env)
	l.set(sources.Set)
	l.checkTogether()
	if err := l.errors.sorted(); err != nil {
		return nil, err
	}
	return l.config, nil
}

// readFile returns the file's name and content, which is empty where there is no file and none was asked for.
func readFile(path string) (name string, data []byte, err error) {
	name = path
	if name == "" {
		name = DefaultFile
	}
	f, err := os.Open(name)
	if path == "" && errors.Is(err, fs.ErrNotExist) {
		return name, nil, nil
	}
	if err != nil {
		return "", nil, fmt.Errorf("configuration file: %w", err)
	}
	defer f.Close()
	data, err = io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return "", nil, fmt.Errorf("configuration file: %w", err)
	}
	return name, data, nil
}

// loader puts layers of settings over one another and gathers what is wrong with them.
type loader struct {
	config  *Config
	layer   layer
	origins map[string]origin
	refused map[string]bool
	errors  Errors
}

func newLoader() *loader {
	return &loader{
		config:  &Config{Applications: Applications{Named: make(map[string]Overrides)}},
		origins: make(map[string]origin),
		refused: make(map[string]bool),
	}
}

// full tells that there are enough errors.
func (l *loader) full() bool {
	return len(l.errors) >= maxErrors
}

func (l *loader) report(at origin, key, problem string) {
	if l.full() {
		return
	}
	l.refused[key] = true
	l.errors = append(l.errors, at.error(key, problem))
	if l.full() {
		l.errors = append(l.errors, origin{layer: layerSet + 1}.error("", "more errors are not shown"))
	}
}

// assign gives the field of a full key a value, or reports why not.
func (l *loader) assign(at origin, key, text string) {
	f, application, found := locate(key)
	if !found {
		l.report(at, key, unknownKey(key))
		return
	}
	if _, _, named := splitApplication(key); named && !validApplicationName(application) {
		l.report(at, key, badApplicationName(application))
		return
	}
	value, ok := f.parse(text)
	if !ok {
		l.report(at, key, refusal(f, text))
		return
	}
	l.store(at, f, application, key, value)
}

// store gives the field of a full key a value that it permits; application is empty for a key of the server.
func (l *loader) store(at origin, f field, application, key string, value reflect.Value) {
	l.origins[key] = at
	if application == "" {
		reflect.ValueOf(l.config).Elem().FieldByIndex(f.index).Set(value)
		return
	}
	own := l.config.Applications.Named[application]
	f.setOverride(reflect.ValueOf(&own).Elem(), value)
	l.config.Applications.Named[application] = own
}

// name makes an application exist, with whatever overrides it has already.
func (l *loader) name(application string) {
	own := l.config.Applications.Named[application]
	l.config.Applications.Named[application] = own
}

// checkTogether reports values that are allowed alone and not together, at the place of the strongest setting.
func (l *loader) checkTogether() {
	for _, conflict := range conflicts(l.config) {
		at := origin{}
		blamed := conflict.keys[0]
		known := true
		for _, key := range conflict.keys {
			if l.refused[key] {
				known = false
			}
			if o, set := l.origins[key]; set && o.layer > at.layer {
				at, blamed = o, key
			}
		}
		if known {
			l.report(at, blamed, conflict.problem)
		}
	}
}
