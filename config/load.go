package config

import (
	"errors"
	"fmt"
	"maps"
	"os"

	"github.com/spf13/pflag"
)

// LoadOptions says where settings come from.
type LoadOptions struct {
	// File is the path of the settings file. If empty, the environment variable named by EnvFile gives it; if that is
	// unset or empty too, there is no file. A file that is named must exist.
	File string
	// Getenv reads the environment, as os.LookupEnv does. Nil means an empty environment. A variable that is set to
	// the empty string counts as set.
	Getenv func(string) (string, bool)
	// Flags is the parsed flag set that BindFlags was called on, or nil. Only flags that were given count.
	Flags *pflag.FlagSet
}

// Load gathers the settings of all ranks and checks them. The error joins every fault found, each a *[Fault], or says why
// the file cannot be read. The Config is returned even with an error, so that it can be shown: settings whose value
// could not be parsed then keep that of the rank below.
func Load(opts LoadOptions) (Config, error) {
	l := loader{config: Default(opts.Getenv), sources: make(map[string]string)}
	var fileErr error
	if path := filePath(opts); path != "" {
		fileErr = l.loadFile(path)
	}
	l.loadEnv(opts.Getenv)
	if opts.Flags != nil {
		l.loadFlags(opts.Flags)
	}
	l.config.sources = l.sources
	if fileErr != nil {
		// What the file would have set is unknown, so checking the result could report faults that are none.
		return l.config, errors.Join(fileErr, l.faults.err())
	}
	return l.config, append(l.faults, l.config.check()...).err()
}

// filePath decides which file to read.
func filePath(opts LoadOptions) string {
	if opts.File != "" {
		return opts.File
	}
	if path, ok := lookup(opts.Getenv, EnvFile); ok {
		return path
	}
	return ""
}

// loader gathers values, where they came from and what is wrong with them.
type loader struct {
	config  Config
	sources map[string]string
	faults  faults
}

func (l *loader) loadFile(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read settings file: %w", err)
	}
	return l.parse(path, data)
}

func (l *loader) loadEnv(getenv func(string) (string, bool)) {
	for _, f := range fields() {
		text, ok := lookup(getenv, f.Env)
		if !ok {
			continue
		}
		source := "environment variable " + f.Env
		if f.Path == pathIPFS {
			l.setIPFSJSON(text, source)
			continue
		}
		l.setText(f, text, source)
	}
}

func (l *loader) loadFlags(fs *pflag.FlagSet) {
	for _, f := range fields() {
		flag := fs.Lookup(f.Flag)
		if flag == nil || !flag.Changed {
			continue
		}
		v, ours := flag.Value.(*flagValue)
		if !ours {
			continue
		}
		source := "flag --" + f.Flag
		if f.Path == pathIPFS {
			l.setIPFSFlags(v.given, source)
			continue
		}
		l.setText(f, v.text(), source)
	}
}

func (l *loader) setText(f field, text, source string) {
	if problem := f.setText(&l.config, text); problem != "" {
		l.faults.addFrom(source, f.Path, "%s", problem)
		return
	}
	l.sources[f.Path] = source
}

// mergeIPFS lays the kubo settings of one rank over those of the ranks below.
func (l *loader) mergeIPFS(settings map[string]any, source func(path string) string) {
	nested, bad := expandDotted(settings)
	for _, f := range bad {
		f.Source = source(f.Setting)
	}
	l.faults = append(l.faults, bad...)
	noteSources(l.sources, pathIPFS, nested, source)
	merged := maps.Clone(map[string]any(l.config.IPFS))
	if merged == nil {
		merged = make(map[string]any)
	}
	mergeMaps(merged, nested)
	l.config.IPFS = merged
}

// noteSources remembers the source of every value below path.
func noteSources(sources map[string]string, path string, value any, source func(string) string) {
	m, ok := value.(map[string]any)
	if !ok || len(m) == 0 {
		sources[path] = source(path)
		return
	}
	for k, v := range m {
		noteSources(sources, path+"."+k, v, source)
	}
}
