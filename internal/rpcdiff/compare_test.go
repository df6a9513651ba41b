package rpcdiff

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// mismatch is one field of one answer that differs from kubo's.
type mismatch struct {
	target, test, step string
	field              string // as in answer; for JSON bodies followed by the path in it, such as "body.Keys.Qm...Type"
	kubo, ours         string
}

func (m mismatch) String() string {
	return fmt.Sprintf("%s, %s, on %s\n\tkubo: %s\n\tours: %s", m.step, m.field, m.target, shorten(m.kubo), shorten(m.ours))
}

// absent stands for a field that an answer does not have.
const absent = "(absent)"

// compare lists what differs in the answers of a target from those of kubo.
func compare(t *target, c testCase, kubo, ours []answer) []mismatch {
	var all []mismatch
	for i, label := range labels(c) {
		for _, field := range union(kubo[i], ours[i]) {
			want, inKubo := kubo[i][field]
			got, inOurs := ours[i][field]
			if (want == got && inKubo == inOurs) || slices.Contains(t.front.hides(), field) {
				continue
			}
			for path, values := range split(field, want, got, inKubo, inOurs) {
				all = append(all, mismatch{t.name, c.name, label, path, values[0], values[1]})
			}
		}
	}
	return all
}

// merge makes one of the mismatches that several targets have alike.
func merge(all []mismatch) []mismatch {
	slices.SortStableFunc(all, func(a, b mismatch) int {
		return cmp.Or(strings.Compare(a.step, b.step), strings.Compare(a.field, b.field), strings.Compare(a.ours, b.ours))
	})
	var merged []mismatch
	for _, m := range all {
		if n := len(merged) - 1; n >= 0 && merged[n].step == m.step && merged[n].field == m.field && merged[n].ours == m.ours {
			merged[n].target += ", " + m.target
			continue
		}
		merged = append(merged, m)
	}
	return merged
}

// labels names the steps of a case: a label that comes again has its number behind it.
func labels(c testCase) []string {
	var names []string
	count := make(map[string]int)
	for _, s := range c.steps {
		count[s.label]++
		if n := count[s.label]; n > 1 {
			names = append(names, fmt.Sprintf("%s #%d", s.label, n))
		} else {
			names = append(names, s.label)
		}
	}
	return names
}

// union lists the fields of both answers.
func union(a, b answer) []string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return slices.Sorted(maps.Keys(all))
}

// split reduces two bodies to what differs in them: the values inside one JSON document, or the lines that only one has.
func split(field, kubo, ours string, inKubo, inOurs bool) map[string][2]string {
	if !inKubo {
		kubo = absent
	}
	if !inOurs {
		ours = absent
	}
	out := make(map[string][2]string)
	if field == "body" {
		a, okA := document(kubo)
		b, okB := document(ours)
		if okA && okB {
			walk(field, a, b, out)
		} else if onlyKubo, onlyOurs := without(kubo, ours), without(ours, kubo); onlyKubo != "" || onlyOurs != "" {
			out[field] = [2]string{onlyKubo, onlyOurs}
		}
	}
	if len(out) == 0 {
		out[field] = [2]string{kubo, ours}
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
		return absent
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
