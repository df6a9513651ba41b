package config

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	kubo "github.com/ipfs/kubo/config"
)

// MergeIPFS lays settings over base, in place. Names are kubo's, in kubo's casing, nested or, at the top level, dotted
// (Pubsub.Enabled). Sections and maps are merged; lists and free-form values, such as Datastore.Spec, are replaced. Null
// puts lists, maps and settings with a default of kubo's own back to empty or that default.
//
// The error joins a *[Fault] for each unknown name, each value of a wrong kind, each setting that is underlay's own, and
// each combination that would make kubo exit or panic when it starts; base is then unchanged. Faults have no source:
// Load adds it.
func MergeIPFS(base *kubo.Config, settings map[string]any) error {
	return mergeIPFS(base, settings).err()
}

func mergeIPFS(base *kubo.Config, settings map[string]any) faults {
	nested, fs := expandDotted(settings)
	merged, err := base.Clone()
	if err != nil {
		fs.add(pathIPFS, "copy the configuration to change: %v", err)
		return fs
	}
	m := merger{faults: fs}
	m.merge(reflect.ValueOf(merged).Elem(), nested, pathIPFS)
	if len(m.faults) > 0 {
		return m.faults
	}
	if fs := checkKubo(merged); len(fs) > 0 {
		return fs
	}
	*base = *merged
	return nil
}

// refusedIPFS explains why a setting of kubo's is refused, and what to use instead; empty for all others.
func refusedIPFS(path string) string {
	switch path {
	case "ipfs.Identity":
		return "is not a setting here: each peer makes its own identity and keeps it in the data directory"
	case "ipfs.Addresses.API":
		return "is not a setting here: use api.listen"
	case "ipfs.Addresses.Gateway":
		return "is not a setting here: use gateway.listen"
	case "ipfs.Provider":
		return "is no longer read by kubo: use ipfs.Provide"
	case "ipfs.Reprovider":
		return "is no longer read by kubo: use ipfs.Provide.Strategy and ipfs.Provide.DHT.Interval"
	}
	return ""
}

// merger walks kubo's configuration and the settings side by side.
type merger struct{ faults faults }

// merge sets dst from value. dst must be settable.
func (m *merger) merge(dst reflect.Value, value any, path string) {
	if value == redacted {
		m.faults.add(path, "is a placeholder for a secret, put the secret itself")
		return
	}
	t := dst.Type()
	if isLeaf(t) {
		m.decode(dst, value, path)
		return
	}
	switch t.Kind() {
	case reflect.Pointer:
		m.mergePointer(dst, value, path)
	case reflect.Struct:
		m.mergeStruct(dst, value, path)
	case reflect.Map:
		m.mergeMap(dst, value, path)
	case reflect.Slice:
		m.mergeSlice(dst, value, path)
	default:
		if value == nil && t.Kind() != reflect.Interface {
			m.faults.add(path, "has no value")
			return
		}
		m.decode(dst, value, path)
	}
}

func (m *merger) mergePointer(dst reflect.Value, value any, path string) {
	if value == nil {
		dst.SetZero()
		return
	}
	if dst.IsNil() {
		dst.Set(reflect.New(dst.Type().Elem()))
	}
	m.merge(dst.Elem(), value, path)
}

func (m *merger) mergeStruct(dst reflect.Value, value any, path string) {
	// A section with nothing under it changes nothing.
	if value == nil {
		return
	}
	settings, ok := value.(map[string]any)
	if !ok {
		m.faults.add(path, "must be a mapping of settings, not %s", kindOf(value))
		return
	}
	for _, key := range sortedKeys(settings) {
		below := path + "." + shownKey(key)
		if why := refusedIPFS(below); why != "" {
			m.faults.add(below, "%s", why)
			continue
		}
		if m.known(dst.Type(), key, path) {
			m.merge(dst.FieldByName(key), settings[key], below)
		}
	}
}

// known reports whether t has the field and adds a fault if not.
func (m *merger) known(t reflect.Type, key, path string) bool {
	var names []string
	for _, sf := range reflect.VisibleFields(t) {
		if sf.IsExported() && !sf.Anonymous {
			names = append(names, sf.Name)
			if sf.Name == key {
				return true
			}
		}
	}
	meant := closest(key, names)
	if meant != "" {
		meant = path + "." + meant
	}
	m.faults.add(path+"."+shownKey(key), "unknown setting of kubo%s", didYouMean(meant))
	return false
}

func (m *merger) mergeMap(dst reflect.Value, value any, path string) {
	if value == nil {
		dst.SetZero()
		return
	}
	settings, ok := value.(map[string]any)
	if !ok {
		m.faults.add(path, "must be a mapping of names to values, not %s", kindOf(value))
		return
	}
	elem := dst.Type().Elem()
	if elem.Kind() == reflect.Interface {
		dst.SetZero()
		m.decode(dst, value, path)
		return
	}
	if dst.IsNil() {
		dst.Set(reflect.MakeMap(dst.Type()))
	}
	for _, key := range sortedKeys(settings) {
		k := reflect.ValueOf(key).Convert(dst.Type().Key())
		entry := reflect.New(elem).Elem()
		if have := dst.MapIndex(k); have.IsValid() {
			entry.Set(have)
		}
		m.merge(entry, settings[key], path+"."+key)
		dst.SetMapIndex(k, entry)
	}
}

func (m *merger) mergeSlice(dst reflect.Value, value any, path string) {
	if value == nil {
		dst.SetZero()
		return
	}
	list, ok := value.([]any)
	if !ok {
		m.faults.add(path, "must be a list, not %s", kindOf(value))
		return
	}
	fresh := reflect.MakeSlice(dst.Type(), len(list), len(list))
	for i, e := range list {
		m.merge(fresh.Index(i), e, fmt.Sprintf("%s[%d]", path, i))
	}
	dst.Set(fresh)
}

// decode sets a value that kubo itself knows how to read from JSON.
func (m *merger) decode(dst reflect.Value, value any, path string) {
	before := len(m.faults)
	m.checkNames(dst.Type(), value, path)
	if len(m.faults) > before {
		return
	}
	data, err := json.Marshal(value)
	if err != nil {
		m.faults.add(path, "cannot be expressed as JSON")
		return
	}
	if err := json.Unmarshal(data, dst.Addr().Interface()); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) {
			m.faults.add(path, "must be %s, not %s", want(wrong.Type), jsonKind(wrong.Value))
			return
		}
		m.faults.add(path, "%v", err)
		return
	}
	if router, ok := dst.Addr().Interface().(*kubo.RouterParser); ok {
		// What a router takes depends on its type, which is known only now.
		settings, _ := value.(map[string]any)
		m.checkNames(reflect.TypeOf(router.Parameters), settings["Parameters"], path+".Parameters")
	}
}

// checkNames refuses names that encoding/json would ignore or accept in another casing.
func (m *merger) checkNames(t reflect.Type, value any, path string) {
	if t == nil {
		return
	}
	t = deref(t)
	switch v := value.(type) {
	case map[string]any:
		for _, key := range sortedKeys(v) {
			switch {
			case t.Kind() == reflect.Struct:
				if m.known(t, key, path) {
					sf, _ := t.FieldByName(key)
					m.checkNames(sf.Type, v[key], path+"."+key)
				}
			case t.Kind() == reflect.Map:
				m.checkNames(t.Elem(), v[key], path+"."+key)
			}
		}
	case []any:
		if t.Kind() == reflect.Slice {
			for i, e := range v {
				m.checkNames(t.Elem(), e, fmt.Sprintf("%s[%d]", path, i))
			}
		}
	case string:
		if v == redacted {
			m.faults.add(path, "is a placeholder for a secret, put the secret itself")
		}
	}
}

// isLeaf reports whether kubo reads the type as one value, whatever it is made of.
func isLeaf(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer {
		return false
	}
	p := reflect.PointerTo(t)
	return p.Implements(reflect.TypeFor[json.Unmarshaler]()) || p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

func deref(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

// kindOf describes a value without showing it.
func kindOf(value any) string {
	switch value.(type) {
	case map[string]any:
		return "a mapping"
	case []any:
		return "a list"
	case string:
		return "text"
	case bool:
		return "true or false"
	case nil:
		return "nothing"
	}
	return "a number"
}

// jsonKind puts the words of encoding/json into those of kindOf. A number's value, which may follow, is left out.
func jsonKind(description string) string {
	word, _, _ := strings.Cut(description, " ")
	switch word {
	case "string":
		return "text"
	case "array":
		return "a list"
	case "object":
		return "a mapping"
	case "bool":
		return "true or false"
	}
	return "a " + word
}

// want describes what a setting of this type takes.
func want(t reflect.Type) string {
	switch kind := t.Kind(); {
	case kind == reflect.String:
		return "text"
	case kind == reflect.Bool:
		return "true or false"
	case strings.HasPrefix(kind.String(), "int"), strings.HasPrefix(kind.String(), "uint"):
		return "a whole number"
	case kind == reflect.Slice:
		return "a list"
	case kind == reflect.Map, kind == reflect.Struct:
		return "a mapping"
	}
	return "of type " + t.String()
}
