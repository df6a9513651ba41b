package settings

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Path leads to a place in a tree by the names of members. It is never empty.
type Path []string

// String returns the path as kubo writes it, which tells nothing of dots in names.
func (p Path) String() string { return strings.Join(p, ".") }

func (p Path) below(name string) Path { return append(slices.Clip(p), name) }

// within tells whether the path is another, or leads to a place below it.
func (p Path) within(other Path) bool {
	return len(p) >= len(other) && slices.Equal(p[:len(other)], other)
}

// space holds the settings among the replicated values.
const space = "setting/"

// versionKey is the key of the value that every change sets. It belongs to no path, in whose key a percent sign begins an
// escape.
const versionKey = space + "%"

// key returns the key of the value at the path: its names, in each of which percent sign, slash and what URLs cannot hold
// are escaped, with slashes between them.
func (p Path) key() string {
	names := make([]string, len(p))
	for i, name := range p {
		names[i] = url.PathEscape(name)
	}
	return space + strings.Join(names, "/")
}

// parseKey is the inverse of Path.key.
func parseKey(key string) (Path, error) {
	text, ok := strings.CutPrefix(key, space)
	if !ok {
		return nil, fmt.Errorf("%q is not the key of a setting", key)
	}
	var p Path
	for name := range strings.SplitSeq(text, "/") {
		name, err := url.PathUnescape(name)
		if err != nil {
			return nil, fmt.Errorf("%q is not the key of a setting: %w", key, err)
		}
		p = append(p, name)
	}
	return p, nil
}
