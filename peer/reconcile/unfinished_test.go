package reconcile

import (
	"slices"
	"testing"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs/go-cid"
)

// What is left to do comes page by page in the order of the CIDs, in both directions, and nothing twice.
func TestUnfinishedPins(t *testing.T) {
	r := New(Options{Workers: 1})
	var want []string
	for n := range 500 {
		status := api.TrackerStatusPinQueued
		if n%5 == 0 {
			status = api.TrackerStatusPinError
			want = append(want, testCid(n).KeyString())
		}
		r.unsettled.set(testCid(n), operation{status: status})
	}
	slices.Sort(want)
	for _, backward := range []bool{false, true} {
		for _, limit := range []int{1, 7, 100, 1000} {
			var got []string
			for from := api.CidUndef; ; {
				page, scanning := r.UnfinishedPins(api.TrackerStatusPinError, from, backward, limit)
				if len(page) > limit || scanning {
					t.Fatalf("a page of %d has %d, scanning %t", limit, len(page), scanning)
				}
				if len(page) == 0 {
					break
				}
				for _, c := range page {
					got = append(got, c.KeyString())
				}
				from = page[len(page)-1]
			}
			if !slices.Equal(got, want) {
				t.Errorf("backward %t, limit %d: %d CIDs, want %d in this order", backward, limit, len(got), len(want))
			}
		}
		slices.Reverse(want)
	}
	r.scanning.Store(true)
	if _, scanning := r.UnfinishedPins(0, api.NewCid(cid.Undef), false, 1); !scanning {
		t.Error("it does not say that a scan runs")
	}
}
