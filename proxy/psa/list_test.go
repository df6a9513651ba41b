package psa

import (
	"fmt"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"

	"github.com/underlay/underlay/internal/pinstatus"
)

// fill stores requests as they were made at given times, and returns their identifiers, newest first.
func (r *rig) fill(times ...time.Time) []string {
	r.t.Helper()
	var made []request
	for n, at := range times {
		made = append(made, request{newRequestID(at), Pin{Cid: cidOf(r.t, n), Name: fmt.Sprint("request ", n)}})
	}
	err := r.change(r.t.Context(), func(d *draft) error {
		for _, m := range made {
			if err := d.add(m); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
	slices.SortFunc(made, func(a, b request) int { return int(b.id.time - a.id.time) })
	var ids []string
	for _, m := range made {
		ids = append(ids, m.id.String())
	}
	return ids
}

// Whoever pages by the time of the last request that he was shown sees every request once, in order, and knows how many
// are left: also a client whose clock knows milliseconds only.
func TestPaging(t *testing.T) {
	r := newRig(t)
	var times []time.Time
	for n := range 40 { // up to ten in one millisecond
		times = append(times, at(1_800_000_000, int64(n/10)*2_000_000+int64(n%10)*7_000))
	}
	all := r.fill(times...)
	for precision, limits := range map[time.Duration][]int{
		time.Nanosecond: {1, 3, 10, 39, 40, 1000}, time.Millisecond: {10, 15, 39, 40, 1000},
	} {
		for _, limit := range limits {
			var seen []string
			for before := ""; ; {
				page := r.list(every + before + "limit=" + fmt.Sprint(limit))
				if page.Count != len(all)-len(seen) || len(page.Results) > limit {
					t.Fatalf("%s, limit %d: %d of %d after %d", precision, limit, len(page.Results), page.Count, len(seen))
				}
				seen = append(seen, ids(page)...)
				if len(page.Results) == page.Count {
					break
				}
				last, err := time.Parse(time.RFC3339, page.Results[len(page.Results)-1].Created)
				if err != nil {
					t.Fatal(err)
				}
				before = "before=" + url.QueryEscape(last.Truncate(precision).Format(time.RFC3339Nano)) + "&"
			}
			if !slices.Equal(seen, all) {
				t.Errorf("%s, limit %d: saw %d requests, want %d:\n%q\nwant\n%q", precision, limit, len(seen), len(all), seen, all)
			}
		}
	}
}

// Filters hold together, and the count is that of all that match.
func TestFilters(t *testing.T) {
	r := newRig(t)
	for n := range 12 {
		r.ask("POST", "/pins", fmt.Sprintf(`{"cid":%q,"name":"file %d","meta":{"odd":"%t","n":"%d"}}`, cidOf(t, n), n, n%2 == 1, n))
	}
	r.cluster.becomes(cidOf(t, 3), pinstatus.Holder{Status: api.TrackerStatusPinning})
	r.cluster.becomes(cidOf(t, 4), pinstatus.Holder{Status: api.TrackerStatusPinQueued})
	r.cluster.becomes(cidOf(t, 5), pinstatus.Holder{Status: api.TrackerStatusPinError, Error: "nobody has it"})
	second := r.list(every + "limit=1000").Results[10] // "file 1"
	for _, settled := range []bool{false, true} {
		if settled {
			if _, _, err := r.settle(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		for query, want := range map[string]int{
			every: 12, "": 9, "status=pinned": 9, "status=pinning": 1, "status=queued": 1, "status=failed": 1,
			"status=pinning,failed": 2, "name=file": 0, "name=FILE&match=ipartial": 12, "name=file&match=partial&status=queued": 1,
			`meta={"odd":"true"}`: 6, `meta={"odd":"true","n":"3"}`: 1, `meta={"odd":"true"}&status=pinned`: 4, `meta={"none":""}`: 0,
			"meta={}":                      12,
			"cid=" + cidOf(t, 1).String():  1,
			"cid=" + cidOf(t, 99).String(): 0,
			"cid=" + cidOf(t, 1).String() + "," + cidOf(t, 4).String():                    2,
			"cid=" + cidOf(t, 1).String() + "," + cidOf(t, 4).String() + "&status=pinned": 1,
			every + "after=" + second.Created:                                             10,
			every + "before=" + second.Created:                                            1,
			"cid=" + cidOf(t, 1).String() + "&before=" + second.Created:                   0,
			"cid=" + cidOf(t, 0).String() + "&before=" + second.Created:                   1,
		} {
			values := mustValues(t, query)
			values.Set("limit", "1")
			if got := r.list(values.Encode()); got.Count != want || len(got.Results) != min(want, 1) {
				t.Errorf("settled %t, %s: %d match and %d are shown, want %d", settled, query, got.Count, len(got.Results), want)
			}
		}
	}
}

// The peers are asked about what is not known to be held, and about nothing else.
func TestWhatIsHeldIsNotAskedAgain(t *testing.T) {
	r := newRig(t)
	for n := range 10 {
		r.post(cidOf(t, n), "")
	}
	r.cluster.becomes(cidOf(t, 3), pinstatus.Holder{Status: api.TrackerStatusPinning})
	before := r.cluster.questions()
	if got := r.list(""); got.Count != 9 || r.cluster.questions() != before+10 {
		t.Errorf("%d are pinned, %d questions", got.Count, r.cluster.questions()-before)
	}
	if _, _, err := r.settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	before = r.cluster.questions()
	if got := r.list(""); got.Count != 9 || r.cluster.questions() != before+1 {
		t.Errorf("later %d are pinned, %d questions", got.Count, r.cluster.questions()-before)
	}
}
