package config

import (
	"errors"
	"fmt"
	"strings"
)

// Fault is one thing wrong with the settings. Find it in an error of this package with errors.As; the error's text has
// one line per fault.
type Fault struct {
	Setting string // path of the setting, as in the file: cluster.secret
	Problem string // what is wrong, and where possible what would be right; never a secret
	Source  string // where the value came from; empty if unknown or the default
}

// Error returns the fault as one line.
func (f *Fault) Error() string {
	text := f.Setting + ": " + f.Problem
	if f.Source != "" {
		text += " (" + f.Source + ")"
	}
	return text
}

// faults gathers what is wrong until everything was looked at.
type faults []*Fault

func (fs *faults) add(setting, format string, args ...any) {
	*fs = append(*fs, &Fault{Setting: setting, Problem: fmt.Sprintf(format, args...)})
}

func (fs *faults) addFrom(source, setting, format string, args ...any) {
	*fs = append(*fs, &Fault{Setting: setting, Problem: fmt.Sprintf(format, args...), Source: source})
}

// err joins the faults, or returns nil if there are none.
func (fs faults) err() error {
	errs := make([]error, len(fs))
	for i, f := range fs {
		errs[i] = f
	}
	return errors.Join(errs...)
}

// locate fills in where the value of each fault came from.
func (fs faults) locate(sources map[string]string) {
	for _, f := range fs {
		if f.Source == "" {
			f.Source = sourceOf(sources, f.Setting)
		}
	}
}

// sourceOf looks up a path, then the paths that contain it: a list is set as a whole, its elements are not.
func sourceOf(sources map[string]string, path string) string {
	for path != "" {
		if source, ok := sources[path]; ok {
			return source
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
	return ""
}

// Source says where the value of a setting came from: "default", or a file and line, an environment variable or a flag.
// path is as in [Settings], or a path below ipfs.
func (c Config) Source(path string) string {
	if source := sourceOf(c.sources, path); source != "" {
		return source
	}
	return "default"
}
