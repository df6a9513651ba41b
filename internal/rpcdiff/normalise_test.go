package rpcdiff

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// notCaptured begins the name of the field that an answer has for each variable that was not in it.
const notCaptured = "no $"

// normalise captures variables and turns an answer into what can be compared: names for what belongs to a target, such as
// its identity, and for what the case has captured or says may vary.
func (t *target) normalise(s step, r reply, vars variables) answer {
	known := maps.Clone(vars)
	a := make(answer)
	for _, c := range s.captures {
		if found := regexp.MustCompile(c.pattern).FindStringSubmatch(r.body); found != nil {
			vars[c.name] = found[1]
		} else {
			a[notCaptured+c.name] = c.pattern
		}
	}
	clean := func(text string) string {
		for _, name := range slices.Sorted(maps.Keys(known)) {
			text = strings.ReplaceAll(text, known[name], "$"+name)
		}
		return strings.ReplaceAll(t.anonymise(text), "\u00a0", " ") // protobuf's errors have one or the other by chance
	}
	for name := range r.Header {
		a["header "+name] = clean(strings.Join(r.Header.Values(name), "\n"))
	}
	for name := range r.Trailer {
		if value := strings.Join(r.Trailer.Values(name), "\n"); value != "" {
			a["trailer "+name] = s.masked(clean(value))
		}
	}
	a["status"], a["body"], a["framing"] = fmt.Sprint(r.StatusCode), s.masked(clean(r.body)), framing(s, r.Response)
	if r.cut {
		a["cut"] = s.cut.String()
	}
	if s.filter != "" {
		a["body"] = strings.Join(regexp.MustCompile("(?m)^.*("+s.filter+").*$").FindAllString(a["body"], -1), "\n")
	}
	if s.anyOrder {
		a["body"] = sorted(a["body"])
	}
	for _, name := range slices.Concat(s.omitted, []string{"header Date", "header Content-Length"}) {
		delete(a, name)
	}
	return a
}

// masked leaves out of a text what the step says may vary. A group in the expression is the name of a JSON field, which
// stays, so that what is left is still JSON.
func (s step) masked(text string) string {
	for _, m := range s.masks {
		expr, instead := regexp.MustCompile(m), "<varies>"
		if expr.NumSubexp() > 0 {
			instead = `${1}"<varies>"`
		}
		text = expr.ReplaceAllString(text, instead)
	}
	return text
}

// sorted puts the lines of a text, or the lists of a JSON value, into an order.
func sorted(body string) string {
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

// framing tells how the length of a body is made known, and whether the connection ends with it. The latter says nothing
// after a request with a body: kubo ends the connection when the answer begins before all of that is read.
func framing(s step, r *http.Response) string {
	how := "chunked"
	if r.ContentLength >= 0 {
		how = "length"
	}
	if r.Close && s.body == nil {
		how += ", close"
	}
	return how
}

// anonymise puts names in place of what belongs to the target alone.
func (t *target) anonymise(text string) string {
	for _, own := range t.own {
		text = strings.ReplaceAll(text, own.value, own.name)
	}
	return text
}
