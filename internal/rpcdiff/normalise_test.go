package rpcdiff

import (
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/underlay/underlay/internal/apidiff"
)

// notCaptured begins the name of the field that an answer has for each variable that was not in it.
const notCaptured = "no $"

// normalise captures variables and turns an answer into what can be compared: names for what belongs to a target, such as
// its identity, and for what the case has captured or says may vary.
func (t *target) normalise(s step, r reply, vars variables) apidiff.Answer {
	known := maps.Clone(vars)
	a := make(apidiff.Answer)
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
			a["trailer "+name] = apidiff.Mask(s.masks, clean(value))
		}
	}
	a["status"], a["body"], a["framing"] = fmt.Sprint(r.StatusCode), apidiff.Mask(s.masks, clean(r.body)), framing(s, r.Response)
	if r.cut {
		a["cut"] = s.cut.String()
	}
	if s.filter != "" {
		a["body"] = strings.Join(regexp.MustCompile("(?m)^.*("+s.filter+").*$").FindAllString(a["body"], -1), "\n")
	}
	if s.anyOrder {
		a["body"] = apidiff.Sorted(a["body"])
	}
	for _, name := range slices.Concat(s.omitted, []string{"header Date", "header Content-Length"}) {
		delete(a, name)
	}
	return a
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
