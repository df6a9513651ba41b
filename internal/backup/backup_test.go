package backup

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multihash"
)

func testCid(t testing.TB, n int) api.Cid {
	t.Helper()
	h, err := multihash.Sum(fmt.Append(nil, n), multihash.SHA2_256, -1)
	if err != nil {
		t.Fatal(err)
	}
	return api.NewCid(cid.NewCidV1(cid.Raw, h))
}

// testPins are pins with and without every field, in the order of their CIDs.
func testPins(t testing.TB) []api.Pin {
	t.Helper()
	id, err := peer.Decode("12D3KooWAroxTDjbE4YgFEg975rEfHxtjgxVqvsVJLqy4EchGDkQ")
	if err != nil {
		t.Fatal(err)
	}
	origin, err := api.NewMultiaddr("/ip4/1.2.3.4/tcp/4001/p2p/" + id.String())
	if err != nil {
		t.Fatal(err)
	}
	full := api.PinWithOpts(testCid(t, 1), api.PinOptions{
		ReplicationFactorMin: 1, ReplicationFactorMax: 2, Name: "a name", Mode: api.PinModeDirect, ShardSize: 7,
		UserAllocations: []peer.ID{id}, ExpireAt: time.Unix(2_000_000_000, 0).UTC(),
		Metadata: map[string]string{"k": "v"}, PinUpdate: testCid(t, 9), Origins: []api.Multiaddr{origin},
	})
	full.Allocations, full.Timestamp = []peer.ID{id}, time.Unix(1_700_000_000, 0).UTC()
	pins := []api.Pin{full}
	for n := 2; n < 6; n++ {
		pins = append(pins, api.PinWithOpts(testCid(t, n), api.PinOptions{ReplicationFactorMin: -1, ReplicationFactorMax: -1}))
	}
	slices.SortFunc(pins, func(a, b api.Pin) int { return strings.Compare(a.Cid.KeyString(), b.Cid.KeyString()) })
	return pins
}

// testValues are some values, with odd keys and data, in the order of their keys.
func testValues() []Value {
	return []Value{{"a", []byte{0, 255, '\n'}}, {"key/\"odd\" <ä>", []byte("sealed")}, {"z", []byte{}}}
}

// all returns what calls f for every item.
func all[T any](items []T) func(func(T) error) error {
	return func(f func(T) error) error {
		for _, item := range items {
			if err := f(item); err != nil {
				return err
			}
		}
		return nil
	}
}

func write(t testing.TB, pins []api.Pin) []byte {
	t.Helper()
	var b bytes.Buffer
	err := Write(&b, Source{Taken: time.Unix(1_800_000_000, 0), Seal: []byte("seal"), Values: all(testValues()), Pins: all(pins)})
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func read(raw []byte) ([]api.Pin, Summary, error) {
	var pins []api.Pin
	summary, err := Read(bytes.NewReader(raw), Visitor{Pin: func(p api.Pin) error {
		pins = append(pins, p)
		return nil
	}})
	return pins, summary, err
}

func TestRoundTripKeepsEveryField(t *testing.T) {
	want := testPins(t)
	got, summary, err := read(write(t, want))
	if err != nil {
		t.Fatal(err)
	}
	if summary.Pins != len(want) || summary.Stock || !summary.Sorted || !summary.Taken.Equal(time.Unix(1_800_000_000, 0)) {
		t.Errorf("summary %+v", summary)
	}
	for i := range want {
		a, _ := json.Marshal(want[i])
		b, _ := json.Marshal(got[i])
		if string(a) != string(b) || !reflect.DeepEqual(want[i].UserAllocations, got[i].UserAllocations) || want[i].MaxDepth != got[i].MaxDepth {
			t.Errorf("pin %d:\nwant %s\ngot  %s", i, a, b)
		}
	}
}

func TestDamageIsNoticed(t *testing.T) {
	whole := write(t, testPins(t))
	if _, _, err := read(write(t, nil)); err != nil {
		t.Errorf("an empty pinset: %v", err)
	}
	for n := 1; n < len(whole)-1; n++ {
		if _, _, err := read(whole[:n]); err == nil {
			t.Errorf("cut off after %d of %d bytes: no error", n, len(whole))
		}
	}
	for n := range whole {
		damaged := bytes.Clone(whole)
		damaged[n] ^= 1
		if _, _, err := read(damaged); err == nil {
			t.Errorf("bit flipped in byte %d (%q): no error", n, whole[n])
		}
	}
	if _, _, err := read(append(bytes.Clone(whole), whole...)); !errors.Is(err, ErrDamaged) {
		t.Errorf("two backups in one: %v", err)
	}
	newer := bytes.Replace(whole, []byte(`"underlay_backup":2`), []byte(`"underlay_backup":3`), 1)
	if _, _, err := read(newer); !errors.Is(err, ErrVersion) {
		t.Errorf("newer version: %v", err)
	}
	long := `{"cid":"` + strings.Repeat("x", maxLine) + `"}`
	if _, _, err := read([]byte(long)); !errors.Is(err, ErrDamaged) {
		t.Errorf("endless line: %v", err)
	}
}

func TestValuesAreKept(t *testing.T) {
	var got []Value
	summary, err := Read(bytes.NewReader(write(t, testPins(t))), Visitor{Value: func(v Value) error { got = append(got, v); return nil }})
	if err != nil || !reflect.DeepEqual(got, testValues()) || summary.Values != len(got) || string(summary.Seal) != "seal" {
		t.Errorf("got %q, %+v, %v", got, summary, err)
	}
}

// What the first version of this format has written stays readable.
func TestFirstVersion(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("testdata", "backup-v1"))
	if err != nil {
		t.Fatal(err)
	}
	pins, summary, err := read(raw)
	if err != nil || len(pins) != 5 || summary.Stock || summary.Values != 0 || summary.Seal != nil {
		t.Errorf("%d pins, %+v, %v", len(pins), summary, err)
	}
}

// A stock export is pins only, in any order.
func TestStockExport(t *testing.T) {
	pins := testPins(t)
	slices.Reverse(pins)
	var b bytes.Buffer
	for _, p := range pins {
		raw, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(raw, '\n'))
	}
	got, summary, err := read(b.Bytes())
	if err != nil || len(got) != len(pins) || !summary.Stock || summary.Sorted {
		t.Errorf("%d pins, %+v, %v", len(got), summary, err)
	}
	if _, _, err := read([]byte("{}\n")); !errors.Is(err, ErrDamaged) {
		t.Errorf("no pin: %v", err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(write(f, testPins(f)))
	f.Add([]byte("{}\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		_, _, _ = read(raw) // must not panic
	})
}
