package apidiff

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Answer is what one step of a test got, ready to be compared: every field of it that tells something, by name. The names
// are the suite's own, but for Body.
type Answer map[string]string

// Body is the field of an Answer that is compared inside where both sides have JSON.
const Body = "body"

// Mismatch is one field of one answer that differs from the model's.
type Mismatch struct {
	Target, Test, Step string
	Field              string // as in Answer; for JSON bodies followed by the path in it, such as "body.Keys.Qm...Type"
	Model, Ours        string
}

// String says what differs, and how.
func (m Mismatch) String() string {
	return fmt.Sprintf("%s, %s, on %s\n\tmodel: %s\n\tours:  %s", m.Step, m.Field, m.Target, shorten(m.Model), shorten(m.Ours))
}

// Absent stands for a field that an answer does not have.
const Absent = "(absent)"

// Compare lists what differs in a target's answers to the steps of a test from those of the model. Labels name the steps.
func Compare(target, test string, labels []string, model, ours []Answer) []Mismatch {
	var all []Mismatch
	for i, label := range unique(labels) {
		for _, field := range union(model[i], ours[i]) {
			want, inModel := model[i][field]
			got, inOurs := ours[i][field]
			if want == got && inModel == inOurs {
				continue
			}
			for path, values := range split(field, want, got, inModel, inOurs) {
				all = append(all, Mismatch{target, test, label, path, values[0], values[1]})
			}
		}
	}
	return all
}

// merge makes one of the mismatches that several targets have alike.
func merge(all []Mismatch) []Mismatch {
	slices.SortStableFunc(all, func(a, b Mismatch) int {
		return cmp.Or(strings.Compare(a.Step, b.Step), strings.Compare(a.Field, b.Field), strings.Compare(a.Ours, b.Ours))
	})
	var merged []Mismatch
	for _, m := range all {
		if n := len(merged) - 1; n >= 0 && merged[n].Step == m.Step && merged[n].Field == m.Field && merged[n].Ours == m.Ours {
			merged[n].Target += ", " + m.Target
			continue
		}
		merged = append(merged, m)
	}
	return merged
}

// unique puts its number behind a label that comes again.
func unique(labels []string) []string {
	var names []string
	count := make(map[string]int)
	for _, label := range labels {
		count[label]++
		if n := count[label]; n > 1 {
			label = fmt.Sprintf("%s #%d", label, n)
		}
		names = append(names, label)
	}
	return names
}

// union lists the fields of both answers.
func union(a, b Answer) []string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return slices.Sorted(maps.Keys(all))
}

// split reduces two bodies to what differs in them: the values inside one JSON document, or the lines that only one has.
func split(field, model, ours string, inModel, inOurs bool) map[string][2]string {
	if !inModel {
		model = Absent
	}
	if !inOurs {
		ours = Absent
	}
	out := make(map[string][2]string)
	if field == Body {
		a, okA := document(model)
		b, okB := document(ours)
		if okA && okB {
			walk(field, a, b, out)
		} else if onlyModel, onlyOurs := without(model, ours), without(ours, model); onlyModel != "" || onlyOurs != "" {
			out[field] = [2]string{onlyModel, onlyOurs}
		}
	}
	if len(out) == 0 {
		out[field] = [2]string{model, ours}
	}
	return out
}

// without lists the lines of text that other does not have.
func without(text, other string) string {
	lines := strings.Split(text, "\n")
	return strings.Join(slices.DeleteFunc(lines, func(line string) bool {
		return slices.Contains(strings.Split(other, "\n"), line)
	}), "\n")
}

// document decodes a body that is one JSON value.
func document(body string) (doc any, ok bool) {
	dec := json.NewDecoder(strings.NewReader(body))
	dec.UseNumber()
	if dec.Decode(&doc) != nil || dec.More() {
		return nil, false
	}
	return doc, true
}

// walk collects the leaves in which two JSON values differ.
func walk(path string, a, b any, out map[string][2]string) {
	switch a := a.(type) {
	case map[string]any:
		if b, ok := b.(map[string]any); ok {
			keys := maps.Clone(a)
			maps.Copy(keys, b)
			for key := range keys {
				walk(path+"."+key, member(a, key), member(b, key), out)
			}
			return
		}
	case []any:
		if b, ok := b.([]any); ok && len(a) == len(b) {
			for i := range a {
				walk(fmt.Sprintf("%s[%d]", path, i), a[i], b[i], out)
			}
			return
		}
	}
	if x, y := render(a), render(b); x != y {
		out[path] = [2]string{x, y}
	}
}

// missing is the value of a key that an object does not have.
type missing struct{}

func member(object map[string]any, key string) any {
	if value, ok := object[key]; ok {
		return value
	}
	return missing{}
}

func render(value any) string {
	if value == (missing{}) {
		return Absent
	}
	raw, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(raw)
}

func shorten(text string) string {
	const most = 600
	if len(text) > most {
		return fmt.Sprintf("%.*s... (%d bytes)", most, text, len(text))
	}
	return text
}
