package deploy

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// root is the folder of the repository.
const root = "../.."

// template is a CloudFormation template.
type template struct {
	body       string
	Parameters map[string]struct {
		Type    string `yaml:"Type"`
		Default any    `yaml:"Default"`
	} `yaml:"Parameters"`
	Resources map[string]resource `yaml:"Resources"`
}

type resource struct {
	Type                string         `yaml:"Type"`
	DependsOn           string         `yaml:"DependsOn"`
	DeletionPolicy      string         `yaml:"DeletionPolicy"`
	UpdateReplacePolicy string         `yaml:"UpdateReplacePolicy"`
	CreationPolicy      map[string]any `yaml:"CreationPolicy"`
	UpdatePolicy        map[string]any `yaml:"UpdatePolicy"`
	Properties          map[string]any `yaml:"Properties"`
}

func readTemplate(t *testing.T, name string) template {
	t.Helper()
	body, err := os.ReadFile(filepath.Join(root, "deploy/aws", name))
	if err != nil {
		t.Fatal(err)
	}
	var node yaml.Node
	if err := yaml.Unmarshal(body, &node); err != nil {
		t.Fatal(err)
	}
	spellOut(&node)
	tmpl := template{body: string(body)}
	if err := node.Decode(&tmpl); err != nil {
		t.Fatal(err)
	}
	return tmpl
}

// spellOut writes the short forms of functions, such as !Ref X, in their long form, {Ref: X}.
func spellOut(n *yaml.Node) {
	for _, inner := range n.Content {
		spellOut(inner)
	}
	name, short := strings.CutPrefix(n.Tag, "!")
	if !short || strings.HasPrefix(name, "!") {
		return
	}
	if name != "Ref" && name != "Condition" {
		name = "Fn::" + name
	}
	inner := *n
	inner.Tag = ""
	if inner.Kind == yaml.ScalarNode {
		inner.Tag = "!!str"
	}
	*n = yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Content: []*yaml.Node{{Kind: yaml.ScalarNode, Tag: "!!str", Value: name}, &inner}}
}

// of lists the resources of a kind by name.
func (t template) of(kind string) map[string]resource {
	found := make(map[string]resource)
	for name, r := range t.Resources {
		if r.Type == kind {
			found[name] = r
		}
	}
	return found
}

// at follows a path of keys, and of indices into lists; nil: there is nothing.
func at(v any, path ...any) any {
	for _, step := range path {
		switch inner := v.(type) {
		case map[string]any:
			key, _ := step.(string)
			v = inner[key]
		case []any:
			i, isIndex := step.(int)
			if !isIndex || i >= len(inner) {
				return nil
			}
			v = inner[i]
		default:
			return nil
		}
	}
	return v
}

// list returns the elements of a list; anything else has none.
func list(v any) []any {
	l, _ := v.([]any)
	return l
}

// ref is what !Ref name is.
func ref(name string) map[string]any { return map[string]any{"Ref": name} }

// equal compares two values as they are printed: numbers may be written as text in a template.
func equal(a, b any) bool { return fmt.Sprint(a) == fmt.Sprint(b) }

// tagsOf returns the tags of a resource as text.
func tagsOf(r resource) map[string]string {
	tags := make(map[string]string)
	for _, tag := range list(r.Properties["Tags"]) {
		tags[fmt.Sprint(at(tag, "Key"))] = fmt.Sprint(at(tag, "Value"))
	}
	return tags
}

// userData is the user data as the template has it, with its variables.
func (t template) userData() string {
	text, _ := at(t.Resources["Machine"].Properties, "LaunchTemplateData", "UserData", "Fn::Base64", "Fn::Sub").(string)
	return text
}

func TestTemplatesAreRead(t *testing.T) {
	tmpl := readTemplate(t, "cluster.yaml")
	if got := at(tmpl.Resources["PeersGroup"].Properties, "VpcId"); !equal(got, ref("VpcId")) {
		t.Errorf("!Ref VpcId is read as %v", got)
	}
	if got := at(tmpl.Resources["VolumeB"].Properties, "AvailabilityZone", "Fn::Select"); !equal(got, []any{1, ref("Zones")}) {
		t.Errorf("!Select [1, !Ref Zones] is read as %v", got)
	}
	if names := []string{"network.yaml", "cluster.yaml"}; !slices.ContainsFunc(names, func(n string) bool {
		return len(readTemplate(t, n).Resources) > 10
	}) {
		t.Error("no template has resources")
	}
}
