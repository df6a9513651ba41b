package apidiff

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

// Mask leaves out of a text what the regular expressions match. A group in an expression is the name of a JSON field, which
// stays, so that what is left is still JSON.
func Mask(masks []string, text string) string {
	for _, m := range masks {
		expr, instead := regexp.MustCompile(m), "<varies>"
		if expr.NumSubexp() > 0 {
			instead = `${1}"<varies>"`
		}
		text = expr.ReplaceAllString(text, instead)
	}
	return text
}

// Sorted puts the lines of a text, or the lists of a JSON value, into an order.
func Sorted(body string) string {
	var value any
	if json.Unmarshal([]byte(body), &value) == nil {
		return render(sortLists(value))
	}
	lines := strings.SplitAfter(body, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "")
}

func sortLists(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for key := range value {
			value[key] = sortLists(value[key])
		}
	case []any:
		for i := range value {
			value[i] = sortLists(value[i])
		}
		slices.SortFunc(value, func(a, b any) int { return strings.Compare(render(a), render(b)) })
	}
	return value
}
