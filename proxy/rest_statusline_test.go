package proxy

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"
)

// A line is what encoding/json makes of the status, for every field that can be odd, line after line.
func TestStatusLinesAreJSON(t *testing.T) {
	address, err := api.NewMultiaddr("/ip4/127.0.0.1/tcp/4001")
	if err != nil {
		t.Fatal(err)
	}
	addresses := []api.Multiaddr{address}
	node, err := peer.Decode("12D3KooWDnV7ea57jTZNwqZbURL9cD1oPJLjU6E9fGP3knstknEK")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 26, 1, 2, 3, 4, time.UTC)
	c := api.NewCid(cid.MustParse("bafkqablqnfxcama"))
	lines := newStatusLines()
	for name, info := range map[string]api.GlobalPinInfo{
		"empty": {},
		"full": {
			Cid: c, Name: "name", Allocations: []peer.ID{node}, Origins: addresses, Created: at, Metadata: map[string]string{"k": "v"},
			PeerMap: map[string]api.PinInfoShort{
				"b": {PeerName: "two", IPFS: node, IPFSAddresses: addresses, Status: api.TrackerStatusPinned, TS: at},
				"a": {PeerName: "one", Status: api.TrackerStatusPinError, Error: "a \"bad\" <error>\n", AttemptCount: 3, PriorityPin: true},
			},
		},
		"odd texts": {Cid: c, Name: "\u2028 \xff <&> \\ ä \x00", PeerMap: map[string]api.PinInfoShort{}},
		"other addresses": {Cid: c, PeerMap: map[string]api.PinInfoShort{
			"b": {PeerName: "two", IPFS: node, IPFSAddresses: []api.Multiaddr{address, address}, Status: api.TrackerStatusError},
		}},
	} {
		want, err := json.Marshal(info)
		got, gotErr := statusLine{lines, info}.appendLine(nil)
		if err != nil {
			if gotErr == nil {
				t.Errorf("%s: no error, want %v", name, err)
			}
			continue
		}
		if gotErr != nil || string(got) != string(want)+"\n" {
			t.Errorf("%s: %v\ngot  %swant %s", name, errors.Join(gotErr), got, want)
		}
	}
}
