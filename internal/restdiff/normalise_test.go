package restdiff

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/underlay/underlay/internal/apidiff"
)

// normalise captures variables and turns an answer into what can be compared: names for what belongs to a target, such as
// its identities, and for what the case has captured or says may vary.
func (t *target) normalise(s step, got apidiff.Answer, vars variables) apidiff.Answer {
	known := maps.Clone(vars)
	a := make(apidiff.Answer)
	for _, c := range s.captures {
		if found := regexp.MustCompile(c.pattern).FindStringSubmatch(got[apidiff.Body]); found != nil {
			vars[c.name] = found[1]
		} else {
			a[notCaptured+c.name] = c.pattern
		}
	}
	masks := slices.Concat(s.masks, commonMasks())
	for field, text := range got {
		a[field] = apidiff.Mask(masks, known.name(t.anonymise(text)))
	}
	a[apidiff.Body] = canonical(choose(s.part, a[apidiff.Body]))
	if s.anyOrder {
		a[apidiff.Body] = apidiff.Sorted(a[apidiff.Body])
	}
	for _, name := range slices.Concat(s.omitted, []string{"header Date", "header Content-Length"}) {
		delete(a, name)
	}
	return a
}

// anonymise puts names in place of what belongs to the target alone.
func (t *target) anonymise(text string) string {
	for _, own := range t.own {
		text = strings.ReplaceAll(text, own.value, own.name)
	}
	return text
}

// choose leaves in a JSON list, or in lines, what contains a text.
func choose(part, body string) string {
	var list []json.RawMessage
	if part == "" {
		return body
	}
	if json.Unmarshal([]byte(body), &list) == nil {
		return render(slices.DeleteFunc(list, func(item json.RawMessage) bool { return !bytes.Contains(item, []byte(part)) }))
	}
	return strings.Join(slices.DeleteFunc(strings.SplitAfter(body, "\n"), func(line string) bool { return !strings.Contains(line, part) }), "")
}

// canonical is a JSON body without what has no meaning: the order of members, and that of peers in lists of peers. Other
// bodies stay as they are.
func canonical(body string) string {
	var value any
	decoder := json.NewDecoder(strings.NewReader(body))
	decoder.UseNumber()
	if decoder.Decode(&value) != nil || decoder.More() {
		return body
	}
	sortPeers(value)
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if encoder.Encode(value) != nil {
		return body
	}
	return out.String()
}

func sortPeers(value any) {
	switch value := value.(type) {
	case []any:
		for _, item := range value {
			sortPeers(item)
		}
	case map[string]any:
		for name, item := range value {
			if list, ok := item.([]any); ok && slices.Contains([]string{"allocations", "user_allocations", "cluster_peers"}, name) {
				slices.SortFunc(list, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
			}
			sortPeers(item)
		}
	}
}
