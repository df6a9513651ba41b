package config

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// setText sets the field in c from the form that the environment, flags and defaults use. It returns what is wrong with
// the text, without repeating it, and then leaves the field alone.
func (f field) setText(c *Config, text string) (problem string) {
	v := f.value(c)
	switch p := v.Addr().Interface().(type) {
	case *time.Duration:
		d, err := time.ParseDuration(strings.TrimSpace(text))
		if err != nil {
			return "must be a duration with its unit, for example 90s or 1m30s"
		}
		*p = d
	case *bool:
		b, err := strconv.ParseBool(strings.TrimSpace(text))
		if err != nil {
			return "must be true or false"
		}
		*p = b
	case *int:
		n, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil {
			return "must be a whole number"
		}
		*p = n
	case *[]string:
		*p = splitList(text)
	case *map[string]string:
		m, problem := splitMap(text)
		if problem != "" {
			return problem
		}
		*p = m
	case *map[string]Host:
		hosts, problem := splitHosts(text)
		if problem != "" {
			return problem
		}
		*p = hosts
	default:
		// A string or a Secret: the test of the table finds a field of any other kind.
		if v.Kind() != reflect.String {
			return "cannot be given as text"
		}
		v.SetString(text)
	}
	return ""
}

// splitList reads a,b,c; blanks around elements and empty elements do not count.
func splitList(text string) []string {
	var list []string
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	return list
}

// splitMap reads k=v,k=v.
func splitMap(text string) (m map[string]string, problem string) {
	for _, part := range splitList(text) {
		key, value, ok := strings.Cut(part, "=")
		key = strings.TrimSpace(key)
		if !ok || key == "" {
			return nil, "must be a list of key=value, separated by commas"
		}
		if _, twice := m[key]; twice {
			return nil, "has the key " + shownKey(key) + " twice"
		}
		if m == nil {
			m = make(map[string]string)
		}
		m[key] = strings.TrimSpace(value)
	}
	return m, ""
}

// kind names the type of the field for the help of the command line.
func (f field) kind() string {
	var c Config
	switch f.value(&c).Interface().(type) {
	case time.Duration:
		return "duration"
	case bool:
		return "bool"
	case int:
		return "int"
	case []string:
		return "a,b,..."
	case map[string]string, map[string]Host, KuboSettings:
		return "k=v,..."
	default:
		return "string"
	}
}

// hidden reports whether the field may hold a secret.
func (f field) hidden() bool {
	var c Config
	switch f.value(&c).Interface().(type) {
	case Secret, KuboSettings:
		return true
	}
	return false
}

// sortedKeys makes reports and files the same every time.
func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
