package unfinished_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs/boxo/ipld/merkledag"

	"github.com/underlay/underlay/proxy/proxytest"
	"github.com/underlay/underlay/proxy/unfinished"
)

// left is what a peer has left to do, in the order of the CIDs' bytes.
type left struct {
	cids     []api.Cid
	scanning bool
}

// UnfinishedPins implements unfinished.Self.
func (l left) UnfinishedPins(filter api.TrackerStatus, from api.Cid, backward bool, limit int) (cids []api.Cid, scanning bool) {
	if filter != api.TrackerStatusPinError {
		return nil, l.scanning
	}
	sorted := slices.Clone(l.cids)
	if backward {
		slices.Reverse(sorted)
	}
	for _, c := range sorted {
		order := 1
		if from.Defined() {
			order = strings.Compare(c.KeyString(), from.KeyString())
		}
		if backward {
			order = -order
		}
		if (order > 0 || !from.Defined()) && len(cids) < limit {
			cids = append(cids, c)
		}
	}
	return cids, l.scanning
}

// some makes CIDs in order, of numbers from one to another.
func some(from, to int) (cids []api.Cid) {
	for n := from; n < to; n++ {
		cids = append(cids, api.NewCid(merkledag.NewRawNode(fmt.Appendf(nil, "%d", n)).Cid()))
	}
	slices.SortFunc(cids, func(a, b api.Cid) int { return strings.Compare(a.KeyString(), b.KeyString()) })
	return cids
}

// The members' lists are one, in order, in both directions, also when one of them does not answer; that is said.
func TestList(t *testing.T) {
	network := proxytest.NewNetwork()
	lists := []left{{cids: some(0, 60)}, {cids: some(40, 100)}, {}}
	var here *unfinished.Lister
	for i, l := range lists {
		m := network.Join(t, fmt.Sprint("peer", i))
		lister := unfinished.New(l, m)
		mux := http.NewServeMux()
		mux.Handle(unfinished.Path, lister.Handler())
		if i < 2 { // the third is down
			network.Reach(m, proxytest.Serve(t, proxytest.Listen(t), mux, time.Second).Addr)
		}
		if i == 0 {
			here = lister
		}
	}
	want := some(0, 100)
	for _, backward := range []bool{false, true} {
		var got []api.Cid
		q := unfinished.Query{Filter: api.TrackerStatusPinError, Backward: backward, Limit: 30}
		for pages := 0; ; pages++ {
			l, err := here.List(t.Context(), q)
			if err != nil || !slices.Equal(l.Away, []string{"peer2"}) || l.Scanning || len(l.Cids) > q.Limit || pages > 4 {
				t.Fatalf("%+v, %v", l, err)
			}
			if got = append(got, l.Cids...); !l.More {
				break
			}
			q.From = l.Cids[len(l.Cids)-1]
		}
		if !slices.EqualFunc(got, want, api.Cid.Equals) {
			t.Errorf("backward %t: %d CIDs, want %d in this order", backward, len(got), len(want))
		}
		slices.Reverse(want)
	}
}

// A member that asks for nonsense is told so.
func TestRefuses(t *testing.T) {
	h := unfinished.New(left{scanning: true}, nil).Handler()
	for query, status := range map[string]int{
		"filter=0&backward=false&limit=5": 200, "": 400, "filter=-1&backward=false&limit=5": 400, "filter=0&backward=x&limit=5": 400,
		"filter=0&backward=true&limit=0": 400, "filter=0&backward=true&limit=100000000": 400, "filter=0&backward=true&limit=5&from=x": 400,
	} {
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, unfinished.Path+"?"+query, nil)); w.Code != status {
			t.Errorf("%q: %d %s", query, w.Code, w.Body)
		}
	}
}
