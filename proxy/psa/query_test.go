package psa

import (
	"net/url"
	"strings"
	"testing"
	"time"
)

// mustValues parses a query.
func mustValues(t testing.TB, query string) url.Values {
	t.Helper()
	values, err := url.ParseQuery(query)
	if err != nil {
		t.Fatal(err)
	}
	return values
}

// at makes a time from seconds and nanoseconds.
func at(seconds, nanos int64) time.Time { return time.Unix(seconds, nanos).UTC() }

// A request is listed if its time is before and after what is asked for, whatever the precision of that.
func TestTimeBounds(t *testing.T) {
	const micro = 1000
	for what, c := range map[string]struct {
		before, after time.Time
		made          time.Time
		want          bool
	}{
		"no bounds":                   {made: at(5, 0), want: true},
		"the same time":               {before: at(5, 0), made: at(5, 0)},
		"just before":                 {before: at(5, 0), made: at(4, 999_999*micro), want: true},
		"before, within the micro":    {before: at(5, 1), made: at(5, 0), want: true},
		"before, not the next micro":  {before: at(5, 1), made: at(5, micro)},
		"the same time after":         {after: at(5, 0), made: at(5, 0)},
		"just after":                  {after: at(5, 0), made: at(5, micro), want: true},
		"after, within the micro":     {after: at(5, 1), made: at(5, 0)},
		"after, the next micro":       {after: at(5, 1), made: at(5, micro), want: true},
		"between":                     {before: at(6, 0), after: at(4, 0), made: at(5, 0), want: true},
		"the wrong way":               {before: at(4, 0), after: at(6, 0), made: at(5, 0)},
		"before all times":            {before: at(-5, 0), made: at(5, 0)},
		"before the first time":       {before: at(0, 0), made: at(0, 0)},
		"after all times":             {after: at(1<<40, 0), made: at(5, 0)},
		"after a time before 1970":    {after: at(-5, 0), made: at(0, 0), want: true},
		"before a time far from here": {before: at(1<<37, 0), made: at(5, 0), want: true},
	} {
		q := query{before: c.before, after: c.after}
		from, to := q.keys()
		key := recordSpace + timeKey(c.made.UnixMicro())
		if got := from <= key && key < to; got != c.want {
			t.Errorf("%s: %t, want %t: %s in [%s, %s)", what, got, c.want, key, from, to)
		}
	}
}

func TestNames(t *testing.T) {
	for query, want := range map[string][]string{
		"name=Report":                      {"Report"},
		"name=Report&match=exact":          {"Report"},
		"name=rePORT&match=iexact":         {"Report", "report"},
		"name=port&match=partial":          {"Report", "report", "my report 2"},
		"name=PORT&match=partial":          nil,
		"name=PORT&match=ipartial":         {"Report", "report", "my report 2"},
		"name=%C3%9CBER&match=iexact":      {"über"},
		"name=%C3%9CB&match=ipartial":      {"über"},
		"name=&match=partial":              {"Report", "report", "my report 2", "über", ""},
		"match=iexact":                     {"Report", "report", "my report 2", "über", ""},
		"name=%20":                         nil,
		"name=" + strings.Repeat("ü", 255): nil,
	} {
		q, err := parseQuery(mustValues(t, query))
		if err != nil {
			t.Errorf("%s: %v", query, err)
			continue
		}
		var got []string
		for _, name := range []string{"Report", "report", "my report 2", "über", ""} {
			if ok, err := q.matches(record{request: request{pin: Pin{Name: name}}}); ok && err == nil {
				got = append(got, name)
			}
		}
		if strings.Join(got, "|") != strings.Join(want, "|") {
			t.Errorf("%s: matches %q, want %q", query, got, want)
		}
	}
}

// What is wrong with a query is refused, and the answer names the parameter.
func TestBadQueries(t *testing.T) {
	const c = "bafkqabtjnzwgs3tf"
	for query, field := range map[string]string{
		"cid=nonsense": "cid", "cid=" + c + ",": "cid", "cid=" + strings.Repeat(c+",", 10) + c: "cid",
		"cid=" + c + "&cid=x": "cid", "match=fuzzy": "match", "match=fuzzy&name=a": "match", "name=" + strings.Repeat("ü", 256): "name",
		"status=lost": "status", "status=pinned,": "status", "status=PINNED": "status", "before=yesterday": "before",
		"before=2020-07-27": "before", "after=1": "after", "limit=0": "limit", "limit=1001": "limit", "limit=-1": "limit",
		"limit=ten": "limit", "limit=1.5": "limit", "meta=a": "meta", "meta=[]": "meta", `meta={"a":1}`: "meta",
		`meta={"a":{}}`: "meta", "meta=null": "meta",
	} {
		if q, err := parseQuery(mustValues(t, query)); err == nil || !strings.HasPrefix(err.Error(), field+": ") {
			t.Errorf("%s: %+v, %v", query, q, err)
		}
	}
}

// Without filters a list shows what is pinned, as the specification has it, and with filters everything that they match;
// paging does not change that.
func TestStatusesWithoutFilter(t *testing.T) {
	for query, want := range map[string]statusSet{
		"":                            statusSet(0).with(statusPinned),
		"limit=5":                     statusSet(0).with(statusPinned),
		"before=2020-07-27T17:32:28Z": statusSet(0).with(statusPinned),
		"name=a":                      allStatuses,
		"cid=bafkqabtjnzwgs3tf":       allStatuses,
		`meta={"a":"b"}`:              allStatuses,
		"status=queued,failed":        statusSet(0).with(statusQueued).with(statusFailed),
		"status=queued&status=failed": statusSet(0).with(statusQueued).with(statusFailed),
	} {
		if q, err := parseQuery(mustValues(t, query)); err != nil || q.statuses != want {
			t.Errorf("%s: %b, %v, want %b", query, q.statuses, err, want)
		}
	}
}
