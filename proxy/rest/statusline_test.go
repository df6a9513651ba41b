package rest

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/underlay/underlay/internal/pinstatus"
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
		got, gotErr := statusLine{lines, pinstatus.Status{GlobalPinInfo: info}}.appendLine(nil)
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

// Peers that fetch say how far they are.
func TestStatusLinesShowProgress(t *testing.T) {
	info := pinstatus.Status{
		GlobalPinInfo: api.GlobalPinInfo{PeerMap: map[string]api.PinInfoShort{"a": {Status: api.TrackerStatusPinning}, "b": {Status: api.TrackerStatusPinned}}},
		Progress:      map[string]pinstatus.Progress{"a": {Nodes: 2, Bytes: 512}},
	}
	line, err := json.Marshal(statusLine{newStatusLines(), info})
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		PeerMap map[string]struct{ Progress *pinstatus.Progress } `json:"peer_map"`
	}
	if err := json.Unmarshal(line, &got); err != nil {
		t.Fatal(err)
	}
	if p := got.PeerMap["a"].Progress; p == nil || *p != info.Progress["a"] || got.PeerMap["b"].Progress != nil {
		t.Errorf("got %s", line)
	}
}
