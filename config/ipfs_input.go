package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"reflect"
	"strconv"
	"strings"

	kubo "github.com/ipfs/kubo/config"
)

// KuboSettings are settings of kubo by kubo's names, nested. Print it and the keys and tokens among them are redacted;
// convert it to map[string]any to work with what it holds.
type KuboSettings map[string]any

// String returns the settings as JSON, secrets redacted.
func (s KuboSettings) String() string {
	text, err := s.MarshalJSON()
	if err != nil {
		return "(settings that JSON cannot express)"
	}
	return string(text)
}

// GoString returns the settings as JSON, secrets redacted.
func (s KuboSettings) GoString() string { return "config.KuboSettings(" + s.String() + ")" }

// Format prints the settings as JSON, secrets redacted, whatever the verb.
func (s KuboSettings) Format(f fmt.State, verb rune) {
	text := s.String()
	if verb == 'v' && f.Flag('#') {
		text = s.GoString()
	}
	_, _ = io.WriteString(f, text)
}

// MarshalJSON returns the settings as JSON, secrets redacted.
func (s KuboSettings) MarshalJSON() ([]byte, error) { return json.Marshal(s.redact()) }

// MarshalYAML returns the settings with secrets redacted.
func (s KuboSettings) MarshalYAML() (any, error) { return s.redact(), nil }

// LogValue returns the settings as JSON, secrets redacted.
func (s KuboSettings) LogValue() slog.Value { return slog.StringValue(s.String()) }

func (s KuboSettings) redact() map[string]any {
	m, _ := redactValue("", map[string]any(s)).(map[string]any)
	return m
}

func redactValue(key string, value any) any {
	if holdsSecret(key) && value != nil && value != "" {
		return redacted
	}
	switch v := value.(type) {
	case map[string]any:
		m := make(map[string]any, len(v))
		for k, e := range v {
			m[k] = redactValue(k, e)
		}
		return m
	case []any:
		list := make([]any, len(v))
		for i, e := range v {
			list[i] = redactValue("", e)
		}
		return list
	}
	return value
}

// holdsSecret goes by the name, in any casing, so that a mistyped setting is not shown either.
func holdsSecret(key string) bool {
	name := strings.ToLower(key[strings.LastIndexByte(key, '.')+1:])
	switch name {
	case "key", "privkey", "authsecret", "registrationtoken":
		return true
	}
	return strings.Contains(name, "secret") || strings.Contains(name, "token") || strings.Contains(name, "password")
}

// setIPFSJSON takes kubo settings as a JSON object; the empty string is an empty object.
func (l *loader) setIPFSJSON(text, source string) {
	if strings.TrimSpace(text) == "" {
		return
	}
	value, ok := parseJSON(text)
	settings, isObject := value.(map[string]any)
	if !ok || !isObject {
		l.faults.addFrom(source, pathIPFS, `must be a JSON object, for example {"Pubsub":{"Enabled":true}}`)
		return
	}
	l.mergeIPFS(settings, func(string) string { return source })
}

// setIPFSFlags takes kubo settings as name=value, the value as JSON or else as text.
func (l *loader) setIPFSFlags(given []string, source string) {
	for _, text := range given {
		name, raw, ok := strings.Cut(text, "=")
		name = strings.TrimSpace(name)
		if !ok || name == "" {
			l.faults.addFrom(source, pathIPFS, "must be name=value, for example Pubsub.Enabled=true")
			continue
		}
		value, ok := parseJSON(raw)
		if !ok {
			value = raw
		}
		l.mergeIPFS(map[string]any{name: value}, func(string) string { return source })
	}
}

// parseJSON reads exactly one JSON value, whole numbers as such: a float64 would round the large ones.
func parseJSON(text string) (value any, ok bool) {
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.UseNumber()
	if err := d.Decode(&value); err != nil {
		return nil, false
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, false
	}
	return plainNumbers(value), true
}

// plainNumbers replaces json.Number, which YAML would take for text.
func plainNumbers(value any) any {
	switch v := value.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		if n, err := strconv.ParseUint(v.String(), 10, 64); err == nil {
			return n
		}
		// Out of range gives infinity, which the merge refuses.
		x, _ := v.Float64()
		return x
	case map[string]any:
		for k, e := range v {
			v[k] = plainNumbers(e)
		}
	case []any:
		for i, e := range v {
			v[i] = plainNumbers(e)
		}
	}
	return value
}

// expandDotted nests the dotted keys of the top level: "Pubsub.Enabled" becomes Enabled in Pubsub. Only the top level has
// them, because below it a key may be a host name. A setting that is given in both forms is a fault.
func expandDotted(settings map[string]any) (map[string]any, faults) {
	nested := make(map[string]any)
	var fs faults
	for _, key := range sortedKeys(settings) {
		path := splitPath(key)
		value := settings[key]
		for i := len(path) - 1; i > 0; i-- {
			value = map[string]any{path[i]: value}
		}
		insert(nested, path[0], value, pathIPFS, &fs)
	}
	return nested, fs
}

// insert adds a value to a map that may have parts of it already, but not the same ones. Maps are copied, never shared
// with the input.
func insert(into map[string]any, key string, value any, path string, fs *faults) {
	path += "." + key
	have, exists := into[key]
	m, isMap := value.(map[string]any)
	if !isMap {
		if exists {
			fs.add(path, "is set twice")
			return
		}
		into[key] = value
		return
	}
	haveMap, haveIsMap := have.(map[string]any)
	if exists && !haveIsMap {
		fs.add(path, "is set twice")
		return
	}
	if !exists {
		haveMap = make(map[string]any)
		into[key] = haveMap
	}
	for _, k := range sortedKeys(m) {
		insert(haveMap, k, m[k], path, fs)
	}
}

// splitPath splits a dotted key along kubo's structs. What follows the name of a map is one key of that map, dots and
// all: host names have them.
func splitPath(key string) []string {
	var path []string
	t := reflect.TypeFor[kubo.Config]()
	for rest := key; ; {
		t = deref(t)
		if t.Kind() != reflect.Struct || isLeaf(t) {
			return append(path, rest)
		}
		name, after, more := strings.Cut(rest, ".")
		if !more {
			return append(path, rest)
		}
		sf, known := t.FieldByName(name)
		if !known {
			return append(path, strings.Split(rest, ".")...)
		}
		path, rest, t = append(path, name), after, sf.Type
	}
}

// mergeMaps lays over onto base: maps are merged, anything else is replaced.
func mergeMaps(base, over map[string]any) {
	for k, v := range over {
		m, isMap := v.(map[string]any)
		have, haveMap := base[k].(map[string]any)
		if isMap && haveMap {
			merged := maps.Clone(have)
			mergeMaps(merged, m)
			base[k] = merged
			continue
		}
		base[k] = v
	}
}
