package psa

import (
	"fmt"
	"testing"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
)

// fillMany stores requests for CIDs that are pinned and known to be held.
func (r *rig) fillMany(total int) {
	r.t.Helper()
	const batch = 500
	for first := 0; first < total; first += batch {
		err := r.change(r.t.Context(), func(d *draft) error {
			for n := first; n < min(first+batch, total); n++ {
				hash, err := multihash.Sum(fmt.Append(nil, n), multihash.SHA2_256, -1)
				if err != nil {
					return err
				}
				pin := Pin{Cid: api.NewCid(cid.NewCidV1(cid.Raw, hash)), Name: fmt.Sprintf("request %d", n), Meta: map[string]string{"app": "bench"}}
				if err := d.add(request{newRequestID(at(1_800_000_000, int64(n)*1000)), pin}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			r.t.Fatal(err)
		}
	}
	r.settleAll()
}

// BenchmarkList lists the first page of 100,000 requests in several ways.
func BenchmarkList(b *testing.B) {
	const total = 100_000
	r := newRig(b)
	r.fillMany(total)
	for what, query := range map[string]string{
		"Pinned": "", "Every": every, "Name": "name=request 17", "Part": "name=EST 17&match=ipartial", "Meta": `meta={"app":"none"}`,
		"Hundred": every + "limit=100&before=" + at(1_800_000_000, 100_000).Format(time.RFC3339Nano),
	} {
		b.Run(what, func(b *testing.B) {
			q, err := parseQuery(mustValues(b, query))
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := r.Service.list(b.Context(), q); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
