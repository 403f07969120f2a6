package configs

import (
	"fmt"
	"slices"
	"strings"
)

const (
	envPrefix            = "AFTERGLOW_"
	envApplicationPrefix = "AFTERGLOW_APPLICATIONS_"
)

// EnvName returns the environment variable of a key: AFTERGLOW_ and the key in upper case, with "_" for each "." and
// "-". "rtmp.chunkSize" is AFTERGLOW_RTMP_CHUNKSIZE.
func EnvName(key string) string {
	return envPrefix + envWord(key)
}

func envWord(text string) string {
	return strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(text))
}

// foreign tells that a variable begins like ours and is not: Kubernetes describes a service of the name "afterglow" to
// every container with AFTERGLOW_SERVICE_... and AFTERGLOW_PORT..., and AFTERGLOW_SOAK lengthens tests.
func foreign(name string) bool {
	return name == "AFTERGLOW_SOAK" || name == "AFTERGLOW_PORT" ||
		strings.HasPrefix(name, "AFTERGLOW_PORT_") || strings.HasPrefix(name, "AFTERGLOW_SERVICE_")
}

// environment reads the variables as a layer.
func (l *loader) environment(variables []string) {
	for _, variable := range variables {
		name, text, _ := strings.Cut(variable, "=")
		if !strings.HasPrefix(name, envPrefix) || foreign(name) {
			continue
		}
		at := origin{layer: layerEnvironment, source: "environment " + showKey(name)}
		key, problem := l.keyOfVariable(name)
		if problem != "" {
			l.report(at, "", problem)
			continue
		}
		l.assign(at, key, text)
	}
}

// keyOfVariable returns the key that a variable sets, or the problem with its name.
func (l *loader) keyOfVariable(name string) (key, problem string) {
	for _, f := range serverFields {
		if EnvName(f.key) == name {
			return f.key, ""
		}
	}
	rest, ok := strings.CutPrefix(name, envApplicationPrefix)
	if !ok {
		return "", unknownVariable(name)
	}
	for _, f := range applicationFields {
		word, found := strings.CutSuffix(rest, "_"+envWord(f.key))
		if found && word != "" {
			application, problem := l.applicationOfVariable(word)
			return applicationsPrefix + application + "." + f.key, problem
		}
	}
	return "", unknownVariable(name)
}

// applicationOfVariable finds the application whose name looks like word in a variable: one that the layers below name,
// or else the word in lower case.
func (l *loader) applicationOfVariable(word string) (name, problem string) {
	var names []string
	for name := range l.config.Applications.Named {
		if envWord(name) == word {
			names = append(names, name)
		}
	}
	switch len(names) {
	case 0:
		return strings.ToLower(word), ""
	case 1:
		return names[0], ""
	default:
		slices.Sort(names)
		return "", fmt.Sprintf("means each of the applications %s: use --set or the file", strings.Join(names, ", "))
	}
}

// set reads "key=value" arguments as a layer.
func (l *loader) set(arguments []string) {
	for _, argument := range arguments {
		key, text, found := strings.Cut(argument, "=")
		at := origin{layer: layerSet, source: "--set"}
		if !found {
			l.report(at, key, "no value: allowed is key=value")
			continue
		}
		l.assign(at, key, text)
	}
}
