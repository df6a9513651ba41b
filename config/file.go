package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// quotedInYAMLError matches what the YAML parser repeats of the file in its messages. It may be part of a secret.
var quotedInYAMLError = regexp.MustCompile(`'[^']{2,}'|"[^"]{2,}"`)

// parse reads the content of a settings file. It returns an error only if the content is no single YAML document;
// everything else wrong with it becomes a fault.
func (l *loader) parse(path string, data []byte) error {
	d := yaml.NewDecoder(bytes.NewReader(data))
	var doc, second yaml.Node
	err := d.Decode(&doc)
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil {
		return yamlError(path, err)
	}
	if err := d.Decode(&second); err == nil {
		return fmt.Errorf("read settings file %s: has a second document at line %d, must have one", path, second.Line)
	} else if !errors.Is(err, io.EOF) {
		return yamlError(path, err)
	}
	if len(doc.Content) == 0 || isNull(doc.Content[0]) {
		return nil
	}
	f := fileReader{loader: l, file: filepath.Base(path), byPath: make(map[string]field), sections: make(map[string]bool)}
	for _, fd := range fields() {
		f.byPath[fd.Path] = fd
		if section, _, ok := strings.Cut(fd.Path, "."); ok {
			f.sections[section] = true
		}
	}
	f.section(doc.Content[0], "")
	return nil
}

// yamlError keeps the parser's reason and line but nothing of the file's content. It does not wrap: the text of the
// wrapped error would show again.
func yamlError(path string, err error) error {
	reason := strings.TrimPrefix(err.Error(), "yaml: ")
	return fmt.Errorf("read settings file %s: %s", path, quotedInYAMLError.ReplaceAllString(reason, "'...'"))
}

// fileReader walks the nodes of a settings file.
type fileReader struct {
	*loader
	file     string
	byPath   map[string]field
	sections map[string]bool
}

func (f *fileReader) at(n *yaml.Node) string { return fmt.Sprintf("%s line %d", f.file, n.Line) }

func (f *fileReader) fault(n *yaml.Node, path, format string, args ...any) {
	f.faults.addFrom(f.at(n), path, format, args...)
}

// section reads a mapping of settings and further sections.
func (f *fileReader) section(n *yaml.Node, prefix string) {
	for _, p := range f.pairs(n, strings.TrimSuffix(prefix, ".")) {
		path := prefix + p.key.Value
		fd, known := f.byPath[path]
		switch {
		case f.sections[path]:
			if !isNull(p.value) {
				f.section(p.value, path+".")
			}
		case !known:
			f.fault(p.key, prefix+shownKey(p.key.Value), "unknown setting%s", didYouMean(f.meant(prefix, p.key.Value)))
		case path == pathIPFS:
			f.ipfs(p.value)
		default:
			f.setting(fd, p.value)
		}
	}
}

// meant guesses the path behind an unknown key: one beside it with a similar name, else one of that name elsewhere.
func (f *fileReader) meant(prefix, key string) string {
	var siblings, elsewhere []string
	for _, s := range Settings() {
		if rest, ok := strings.CutPrefix(s.Path, prefix); ok {
			first, _, _ := strings.Cut(rest, ".")
			siblings = append(siblings, first)
		}
		if s.Path[strings.LastIndexByte(s.Path, '.')+1:] == key {
			elsewhere = append(elsewhere, s.Path)
		}
	}
	if found := closest(key, siblings); found != "" {
		return prefix + found
	}
	if len(elsewhere) == 1 {
		return elsewhere[0]
	}
	return ""
}

type pair struct{ key, value *yaml.Node }

// pairs returns the entries of a mapping, each key once. path names the mapping in faults.
func (f *fileReader) pairs(n *yaml.Node, path string) []pair {
	shown := path
	if shown == "" {
		shown = "(the whole file)"
	}
	if n.Kind != yaml.MappingNode {
		f.fault(n, shown, "must be a mapping of names to values")
		return nil
	}
	lines := make(map[string]int)
	var found []pair
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind != yaml.ScalarNode {
			f.fault(key, shown, "has a key that is not a name")
			continue
		}
		if line, twice := lines[key.Value]; twice {
			at := shownKey(key.Value)
			if path != "" {
				at = path + "." + at
			}
			f.fault(key, at, "is set twice, first at line %d", line)
			continue
		}
		lines[key.Value] = key.Line
		found = append(found, pair{key, value})
	}
	return found
}

// setting reads the value of one setting.
func (f *fileReader) setting(fd field, n *yaml.Node) {
	switch target := fd.value(&f.config).Addr().Interface().(type) {
	case *[]string:
		if isNull(n) {
			return
		}
		if n.Kind == yaml.SequenceNode {
			if list, ok := f.list(fd, n); ok {
				*target = list
				f.sources[fd.Path] = f.at(n)
			}
			return
		}
	case *map[string]string:
		if isNull(n) {
			return
		}
		if n.Kind == yaml.MappingNode {
			if m, ok := f.stringMap(fd, n); ok {
				*target = m
				f.sources[fd.Path] = f.at(n)
			}
			return
		}
	case *map[string]Host:
		if isNull(n) {
			return
		}
		if n.Kind == yaml.MappingNode {
			if hosts, ok := f.hosts(fd, n); ok {
				*target = hosts
				f.sources[fd.Path] = f.at(n)
			}
			return
		}
	}
	if text, ok := f.scalar(n, fd.Path); ok {
		f.setText(fd, text, f.at(n))
	}
}

// scalar returns a value as it is written.
func (f *fileReader) scalar(n *yaml.Node, path string) (string, bool) {
	switch {
	case n.Kind == yaml.AliasNode:
		f.fault(n, path, "uses a YAML alias, write the value out")
	case n.Kind != yaml.ScalarNode:
		f.fault(n, path, "must be a single value")
	case isNull(n):
		f.fault(n, path, `has no value, write "" for an empty one`)
	default:
		return n.Value, true
	}
	return "", false
}

func (f *fileReader) list(fd field, n *yaml.Node) (list []string, ok bool) {
	ok = true
	for _, e := range n.Content {
		text, good := f.scalar(e, fd.Path)
		list, ok = append(list, text), ok && good
	}
	return list, ok
}

func (f *fileReader) stringMap(fd field, n *yaml.Node) (m map[string]string, ok bool) {
	before := len(f.faults)
	for _, p := range f.pairs(n, fd.Path) {
		if text, good := f.scalar(p.value, fd.Path+"."+shownKey(p.key.Value)); good {
			if m == nil {
				m = make(map[string]string)
			}
			m[p.key.Value] = text
		}
	}
	return m, len(f.faults) == before
}

// ipfs reads the block of kubo's settings. Their names are checked when they are merged into a kubo configuration.
func (f *fileReader) ipfs(n *yaml.Node) {
	if isNull(n) {
		return
	}
	lines := make(map[string]string)
	settings, ok := f.any(n, pathIPFS, lines).(map[string]any)
	if !ok {
		if n.Kind != yaml.MappingNode && n.Kind != yaml.AliasNode {
			f.fault(n, pathIPFS, "must be a mapping of kubo's settings")
		}
		return
	}
	f.mergeIPFS(settings, func(path string) string { return sourceOf(lines, path) })
}

// any converts a node to plain values and notes the line of each.
func (f *fileReader) any(n *yaml.Node, path string, lines map[string]string) any {
	lines[path] = f.at(n)
	switch n.Kind {
	case yaml.MappingNode:
		m := make(map[string]any)
		for _, p := range f.pairs(n, path) {
			below := path + "." + p.key.Value
			m[p.key.Value] = f.any(p.value, below, lines)
			// A nested mapping starts on the line after its name; the name is what people look for.
			lines[below] = f.at(p.key)
		}
		return m
	case yaml.SequenceNode:
		list := make([]any, 0, len(n.Content))
		for i, e := range n.Content {
			list = append(list, f.any(e, fmt.Sprintf("%s[%d]", path, i), lines))
		}
		return list
	case yaml.AliasNode:
		f.fault(n, path, "uses a YAML alias, write the value out")
		return nil
	}
	return f.plainScalar(n, path)
}

// plainScalar returns a number, a truth value, nothing or else text: YAML's dates and binary data mean nothing to kubo.
func (f *fileReader) plainScalar(n *yaml.Node, path string) any {
	switch n.ShortTag() {
	case "!!null":
		return nil
	case "!!bool", "!!int", "!!float":
		var value any
		if err := n.Decode(&value); err != nil {
			f.fault(n, path, "has a value that does not fit its YAML tag")
			return nil
		}
		if x, ok := value.(float64); ok && (math.IsNaN(x) || math.IsInf(x, 0)) {
			f.fault(n, path, "must be a finite number")
			return nil
		}
		return value
	}
	return n.Value
}

// isNull tells a missing value from an empty text.
func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }
