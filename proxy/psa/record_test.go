package psa

import (
	"encoding/hex"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/ipfs-cluster/ipfs-cluster/api"

	"github.com/underlay/underlay/consensus"
)

func multiaddr(t testing.TB, s string) api.Multiaddr {
	t.Helper()
	a, err := api.NewMultiaddr(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func fullRequest(t testing.TB) request {
	t.Helper()
	id, ok := parseRequestID("000661318c28d37a6c99df4c33f87e40")
	if !ok {
		t.Fatal("the identifier is not one")
	}
	c, err := api.DecodeCid("bafkqabtjnzwgs3tf")
	if err != nil {
		t.Fatal(err)
	}
	return request{id, Pin{
		Cid: c, Name: "a <name> ü", Meta: map[string]string{"k": "v&"},
		Origins: []api.Multiaddr{multiaddr(t, "/ip4/192.0.2.1/tcp/4001/p2p/12D3KooWBdmLJjhpgJ9KZgLM3f894ff9xyBfPvPjFNn7MKJpyrC2")},
	}}
}

// goldenRecord is fullRequest as it is stored since version 1.
const goldenRecord = "016c99df4c33f87e400a015500066" + "96e6c696e650b61203c6e616d653e20c3bc" +
	"7b226f726967696e73223a5b222f6970342f3139322e302e322e312f7463702f343030312f7032702f313244334b6f6f5742646d4c4a6a6870674a394b5a674c4d336638393466663978794266507650" +
	"6a464e6e374d4b4a7079724332225d2c226d657461223a7b226b223a227626227d7d0a"

func TestRecordsKeepTheirForm(t *testing.T) {
	r := fullRequest(t)
	data, err := r.encode()
	if err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(data); got != goldenRecord {
		t.Errorf("encoded as\n%s\nwant\n%s", got, goldenRecord)
	}
	if want := "psa/r/fff99ece73d72c85"; r.key() != want {
		t.Errorf("key %s, want %s", r.key(), want)
	}
	raw, err := hex.DecodeString(goldenRecord)
	if err != nil {
		t.Fatal(err)
	}
	got, err := decodeRecord(consensus.Value{Key: r.key(), Data: raw, Revision: 7})
	if err != nil {
		t.Fatal(err)
	}
	if got, err = got.whole(); err != nil || !reflect.DeepEqual(got.request, r) || got.revision != 7 {
		t.Errorf("decoded as %+v, %v", got, err)
	}
}

func TestDamagedRecords(t *testing.T) {
	r := fullRequest(t)
	data, err := r.encode()
	if err != nil {
		t.Fatal(err)
	}
	for size := range len(data) - 1 {
		got, err := decodeRecord(consensus.Value{Key: r.key(), Data: data[:size]})
		if err == nil {
			_, err = got.whole()
		}
		if !errors.Is(err, consensus.ErrCorrupt) {
			t.Errorf("cut after %d bytes: %+v, %v", size, got, err)
		}
	}
	data[0] = 2
	if _, err := decodeRecord(consensus.Value{Key: r.key(), Data: data}); err == nil || !strings.Contains(err.Error(), "version 2") {
		t.Errorf("of another version: %v", err)
	}
}

func TestClaimsKeepTheirForm(t *testing.T) {
	for form, want := range map[string]claim{
		"010203":                   {requests: 2, made: 3, revision: 9},
		"010100":                   {requests: 1, revision: 9},
		"0101ffffffffffffffffff01": {requests: 1, made: 9, revision: 9},
	} {
		raw, err := hex.DecodeString(form)
		if err != nil {
			t.Fatal(err)
		}
		got, err := decodeClaim(consensus.Value{Key: "psa/c/x", Data: raw, Revision: 9})
		if err != nil || got != want {
			t.Errorf("%s: decoded as %+v, %v", form, got, err)
		}
		if want.made == 9 {
			want.made = madeWithIt
		}
		if again := hex.EncodeToString(want.encode()); again != form {
			t.Errorf("encoded as %s, want %s", again, form)
		}
	}
	for _, form := range []string{"", "02", "01", "0102", "0102ff"} {
		raw, _ := hex.DecodeString(form)
		if c, err := decodeClaim(consensus.Value{Data: raw}); err == nil {
			t.Errorf("%q: decoded as %+v", form, c)
		}
	}
}

func TestRequestIDs(t *testing.T) {
	const good = "000661318c28d37a6c99df4c33f87e40"
	for s, want := range map[string]bool{
		good: true, "": false, good[1:]: false, good + "0": false, strings.ToUpper(good): false,
		"+" + good[1:]: false, "g" + good[1:]: false, good[:31] + "_": false, "ffffffffffffffff" + good[16:]: false,
		"../../../../../../../../../../..": false,
	} {
		if id, ok := parseRequestID(s); ok != want || ok && id.String() != s {
			t.Errorf("%q: %v, %t", s, id, ok)
		}
	}
}
