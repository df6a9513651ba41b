package rest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/underlay/underlay/proxy/fault"
	"github.com/underlay/underlay/proxy/pinopts"
)

// FuzzRequest: whatever the parameters of a request and the lines of its body say, they are refused as the client's fault,
// or lie within bounds.
func FuzzRequest(f *testing.F) {
	for _, seed := range []string{
		"", "name-prefix=a&meta-app=x&meta-=&limit=10&after=k", "limit=0", "limit=10001", "since=7", "since=7-3", "since=-", "type=pinned,status",
		"filter=pinned,error", "filter=pin,all", "cids=bafkqabtjnzwgs3tf,bafkqaaa", "local=maybe",
		"mode=direct&replication-min=2&replication-max=3&expire-in=1h&name=n&meta-k=v&user-allocations=12D3KooWBdmLJjhpgJ9KZgLM3f894ff9xyBfPvPjFNn7MKJpyrC2",
		"replication=-1&expire-at=2100-01-01T00:00:00Z&origins=/ip4/192.0.2.1/tcp/1/p2p/12D3KooWBdmLJjhpgJ9KZgLM3f894ff9xyBfPvPjFNn7MKJpyrC2",
		"pin-update=bafkqaaa&shard-size=x",
	} {
		f.Add(seed, "")
	}
	f.Add("", `{"cid":"bafkqabtjnzwgs3tf"}`+"\n\n"+`{"op":"unpin","cid":"bafkqaaa"}`+"\n{")
	f.Add("", `{"cid":"bafkqabtjnzwgs3tf","mode":"direct","replication_factor_min":2,"metadata":{"k":"v"},"origins":["/ip4/192.0.2.1/tcp/1"],"expire_at":"2100-01-01T00:00:00Z"} {}`)
	f.Add("", `{"cid":null,"op":"x","unknown":1}`)
	f.Add("", "[]\nnull\n\"x\"\n7\r\n")
	f.Fuzz(func(t *testing.T, query, body string) {
		checkParams(t, query)
		checkBulk(t, body)
	})
}

func checkParams(t *testing.T, raw string) {
	q, err := url.ParseQuery(raw)
	if err != nil {
		return
	}
	r := httptest.NewRequest(http.MethodGet, "/pins", nil)
	r.URL.RawQuery = q.Encode()
	refused := func(what string, err error) bool {
		if err != nil && fault.Status(err) != http.StatusBadRequest {
			t.Errorf("%s of %q: status %d of %v", what, raw, fault.Status(err), err)
		}
		return err != nil
	}
	if s, err := newSelection(q); !refused("selection", err) && (s.limit < 0 || s.limit > maxLimit) {
		t.Errorf("limit %d of %q", s.limit, raw)
	}
	if o, err := pinopts.Parse(q); !refused("options", err) {
		if pinopts.CheckReplication(o.ReplicationFactorMin, o.ReplicationFactorMax) != nil || !o.ExpireAt.IsZero() && o.ExpireAt.Before(time.Now().Add(-time.Minute)) {
			t.Errorf("%q gives the options %+v", raw, o)
		}
	}
	if p, err := position(r); !refused("position", err) && p != nil {
		r.Header.Set("Last-Event-ID", fmt.Sprintf("%d-%d", p.Index, p.Count))
		if again, err := position(r); err != nil || *again != *p {
			t.Errorf("position %+v of %q became %+v, %v", p, raw, again, err)
		}
	}
	refused("types", checkTypes(r))
	_, err = boolParam(r, "local")
	refused("local", err)
	_, err = statuses(q.Get("filter"))
	refused("statuses", err)
	_, err = pinTypes(q.Get("filter"))
	refused("pin types", err)
	if list, err := cids(q.Get("cids")); !refused("CIDs", err) && len(list) != strings.Count(q.Get("cids"), ",")+1 {
		t.Errorf("%d CIDs of %q", len(list), raw)
	}
}

// checkBulk wants one answer for every line that is not blank, in order: each is either a change of a CID or refused.
func checkBulk(t *testing.T, body string) {
	lines := 0
	readBulk(strings.NewReader(body), func(b *bulkBatch) bool {
		if len(b.changes) != len(b.places) {
			t.Fatalf("%d changes at %d places", len(b.changes), len(b.places))
		}
		accepted := make(map[int]bool)
		for i, place := range b.places {
			accepted[place] = true
			if c := b.changes[i].Pin.Cid; !c.Defined() || b.results[place].Cid != c.String() || !b.cids[c] {
				t.Errorf("change %d of %s is answered as %+v", i, c, b.results[place])
			}
		}
		for place, result := range b.results {
			if result.Line <= lines {
				t.Errorf("line %d is answered after line %d", result.Line, lines)
			}
			lines = result.Line
			if accepted[place] == (result.Status == http.StatusBadRequest && result.Error != "") {
				t.Errorf("line %d is answered as %+v; taken: %v", result.Line, result, accepted[place])
			}
		}
		return true
	})
	if last := strings.Count(strings.TrimRight(body, " \t\r\n\v\f\u0085\u00a0"), "\n") + 1; lines > last {
		t.Errorf("line %d is answered, there are %d", lines, last)
	}
}
