package config

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// WriteYAML writes every setting with its current value, in the order of the struct, each under a comment that says what
// it does. Secrets are redacted; with those lines removed or filled in, Load reads the output back to the same settings.
func (c Config) WriteYAML(w io.Writer) error {
	root := &yaml.Node{Kind: yaml.MappingNode}
	sections := make(map[string]*yaml.Node)
	for _, f := range fields() {
		into, key := root, f.Path
		if section, name, ok := strings.Cut(f.Path, "."); ok {
			if sections[section] == nil {
				sections[section] = &yaml.Node{Kind: yaml.MappingNode}
				appendPair(root, section, sectionDoc(section), sections[section])
			}
			into, key = sections[section], name
		}
		value, err := f.node(&c)
		if err != nil {
			return fmt.Errorf("write setting %s: %w", f.Path, err)
		}
		appendPair(into, key, f.Doc, value)
	}
	e := yaml.NewEncoder(w)
	e.SetIndent(2)
	if err := e.Encode(root); err != nil {
		return fmt.Errorf("write settings: %w", err)
	}
	if err := e.Close(); err != nil {
		return fmt.Errorf("write settings: %w", err)
	}
	return nil
}

func appendPair(into *yaml.Node, key, comment string, value *yaml.Node) {
	name := &yaml.Node{Kind: yaml.ScalarNode, Value: key, HeadComment: comment}
	into.Content = append(into.Content, name, value)
}

// node renders the field's value.
func (f field) node(c *Config) (*yaml.Node, error) {
	switch v := f.value(c).Interface().(type) {
	case time.Duration:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: v.String()}, nil
	case bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: strconv.FormatBool(v)}, nil
	case int:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: strconv.Itoa(v)}, nil
	case []string:
		if v == nil {
			v = []string{}
		}
		return encoded(v)
	case map[string]string:
		if v == nil {
			v = map[string]string{}
		}
		return encoded(v)
	case map[string]Host:
		if v == nil {
			v = map[string]Host{}
		}
		return encoded(v)
	default:
		return encoded(v)
	}
}

func encoded(v any) (*yaml.Node, error) {
	n := new(yaml.Node)
	err := n.Encode(v)
	return n, err
}
