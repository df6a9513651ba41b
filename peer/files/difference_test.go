package files

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
	"github.com/multiformats/go-multihash"
)

// dags are blocks by what they link to. A block is named by one letter.
type dags map[string]string

func named(t testing.TB, name string) cid.Cid {
	t.Helper()
	sum, err := multihash.Sum([]byte(name), multihash.IDENTITY, -1)
	if err != nil {
		t.Fatal(err)
	}
	return cid.NewCidV1(cid.DagProtobuf, sum)
}

func nameOf(c cid.Cid) string {
	decoded, _ := multihash.Decode(c.Hash()) // it was made by named
	return string(decoded.Digest)
}

// links counts in looks how often a block is looked at. A block that is not in the map is nowhere, one that links to "?"
// cannot be looked for.
func (d dags) links(t testing.TB, looks map[string]int) linksOf {
	var mu sync.Mutex
	return func(_ context.Context, c cid.Cid) (out []cid.Cid, err error) {
		mu.Lock()
		looks[nameOf(c)]++
		mu.Unlock()
		links, ok := d[nameOf(c)]
		switch {
		case !ok:
			return nil, ipld.ErrNotFound{Cid: c}
		case links == "?":
			return nil, errUnsure
		}
		for _, l := range links {
			out = append(out, named(t, string(l)))
		}
		return out, nil
	}
}

func TestDifference(t *testing.T) {
	for name, c := range map[string]struct {
		old, new dags
		want     string // in alphabetical order
		unsure   bool
		unread   string // blocks that need not be looked at
	}{
		"nothing":                          {dags{"r": "ab"}, dags{"r": "ab"}, "", false, "rab"},
		"a file more":                      {dags{"r": "a", "a": ""}, dags{"s": "ab", "a": "", "b": "c", "c": ""}, "bcs", false, "a"},
		"a file less":                      {dags{"r": "ab", "a": "xyz", "b": ""}, dags{"s": "b", "b": ""}, "s", false, "axyzb"},
		"moved down":                       {dags{"r": "ad", "a": "xy", "d": "", "x": "", "y": ""}, dags{"s": "e", "e": "a", "a": "xy", "x": "", "y": ""}, "es", false, ""},
		"moved up":                         {dags{"r": "d", "d": "e", "e": "a", "a": "xy", "x": "z", "y": "", "z": ""}, dags{"s": "fa", "f": "g", "g": "", "a": "xy", "x": "z", "y": "", "z": ""}, "fgs", false, ""},
		"a changed block":                  {dags{"r": "f", "f": "123", "1": "", "2": "", "3": ""}, dags{"s": "g", "g": "143", "1": "", "4": "", "3": ""}, "4gs", false, "13"},
		"linked to and nowhere":            {dags{"r": ""}, dags{"s": "ab", "b": ""}, "bs", false, ""},
		"linked to by one that is nowhere": {dags{"r": ""}, dags{"s": "a", "x": ""}, "s", false, "x"},
		"cannot be asked for":              {dags{"r": ""}, dags{"s": "ab", "a": "?", "b": ""}, "bs", true, ""},
		"the old one is not here":          {dags{}, dags{"s": "ab", "a": "", "b": ""}, "abs", false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			looks := make(map[string]int)
			d := &difference{old: c.old.links(t, looks), new: c.new.links(t, looks)}
			next := named(t, "s")
			if _, same := c.new["r"]; same {
				next = named(t, "r")
			}
			found, err := d.find(t.Context(), named(t, "r"), next)
			if errors.Is(err, errUnsure) != c.unsure || err != nil && !c.unsure {
				t.Fatal(err)
			}
			var names []string
			for _, c := range found {
				names = append(names, nameOf(c))
			}
			slices.Sort(names)
			if got := fmt.Sprint(names); got != fmt.Sprint(slices.Collect(letters(c.want))) {
				t.Errorf("found %s, want %s", got, c.want)
			}
			for _, name := range c.unread {
				if looks[string(name)] > 0 {
					t.Errorf("%c was looked at", name)
				}
			}
		})
	}
}

func letters(text string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for _, l := range text {
			if !yield(string(l)) {
				return
			}
		}
	}
}

// A fault of the store is not taken for an absent block.
func TestDifferenceFails(t *testing.T) {
	broken := errors.New("the disk is broken")
	fails := func(context.Context, cid.Cid) ([]cid.Cid, error) { return nil, broken }
	good := dags{"r": "", "s": ""}.links(t, make(map[string]int))
	for _, d := range []*difference{{old: fails, new: good}, {old: good, new: fails}} {
		if _, err := d.find(t.Context(), named(t, "r"), named(t, "s")); !errors.Is(err, broken) {
			t.Errorf("got %v", err)
		}
	}
}
