package rpcdiff

import (
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// normalise captures variables and turns an answer into what can be compared: names for what belongs to a target, such as
// its identity, and for what the case has captured or says may vary.
func (t *target) normalise(s step, r reply, vars variables) (answer, error) {
	known := maps.Clone(vars)
	for _, c := range s.captures {
		found := regexp.MustCompile(c.pattern).FindStringSubmatch(r.body)
		if found == nil {
			return nil, fmt.Errorf("no %s, by %s, in the answer %d: %s", c.name, c.pattern, r.StatusCode, r.body)
		}
		vars[c.name] = found[1]
	}
	clean := func(text string) string {
		text = t.anonymise(text)
		for _, name := range slices.Sorted(maps.Keys(known)) {
			text = strings.ReplaceAll(text, known[name], "$"+name)
		}
		for _, m := range s.masks {
			text = regexp.MustCompile(m).ReplaceAllString(text, "<varies>")
		}
		return text
	}
	a := answer{"status": fmt.Sprint(r.StatusCode), "body": clean(r.body), "framing": framing(r.Response)}
	for name := range r.Header {
		a["header "+name] = clean(strings.Join(r.Header.Values(name), "\n"))
	}
	for name := range r.Trailer {
		if value := strings.Join(r.Trailer.Values(name), "\n"); value != "" {
			a["trailer "+name] = clean(value)
		}
	}
	if s.anyOrder {
		lines := strings.SplitAfter(a["body"], "\n")
		slices.Sort(lines)
		a["body"] = strings.Join(lines, "")
	}
	for _, name := range slices.Concat(t.front.hides(), s.omitted, []string{"header Date", "header Content-Length"}) {
		delete(a, name)
	}
	return a, nil
}

// framing tells how the length of a body is made known, and whether the connection ends with it.
func framing(r *http.Response) string {
	how := "chunked"
	if r.ContentLength >= 0 {
		how = "length"
	}
	if r.Close {
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
