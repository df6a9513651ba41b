package pinset

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ipfs-cluster/ipfs-cluster/api"
)

// scanNames returns the names that a query yields, page by page.
func scanNames(t *testing.T, m *Machine, q Query) (names []string, pages int) {
	t.Helper()
	for {
		pages++
		var last api.Pin
		next, err := m.Scan(t.Context(), q, func(p api.Pin) error {
			names, last = append(names, p.Name), p
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if next != "" && q.Behind(last) != next {
			t.Errorf("%+v: Behind gives %q, the scan %q", q, q.Behind(last), next)
		}
		if next == "" {
			return names, pages
		}
		q.After = next
	}
}

func scanned(t *testing.T) *Machine {
	t.Helper()
	m := testMachine(t, t.TempDir())
	var ops []Op
	long := strings.Repeat("l", maxTermBytes)
	for i, name := range []string{"", "b", "a", "ab", "a\x00", "b/1", "b/2", "b/10", long + "1", long + "2", "ÿ", ""} {
		p := plainPin(i)
		p.Name = name
		p.Metadata = map[string]string{"odd": fmt.Sprint(i % 2), "n": fmt.Sprintf("%02d", i), long + "k": long + "v" + name}
		if i == 3 {
			p.Metadata = nil
		}
		ops = append(ops, PinOp(p))
	}
	m.Apply(command(t, 1, 1, 1, ops...))
	return m
}

func TestScan(t *testing.T) {
	m := scanned(t)
	long := strings.Repeat("l", maxTermBytes)
	for what, c := range map[string]struct {
		q    Query
		want []string
	}{
		"by prefix":                  {Query{NamePrefix: "b"}, []string{"b", "b/1", "b/10", "b/2"}},
		"prefix with a zero byte":    {Query{NamePrefix: "a\x00"}, []string{"a\x00"}},
		"prefix sorted before":       {Query{NamePrefix: "a"}, []string{"a", "a\x00", "ab"}},
		"prefix of high bytes":       {Query{NamePrefix: "ÿ"}, []string{"ÿ"}},
		"longer than the index":      {Query{NamePrefix: long + "2"}, []string{long + "2"}},
		"no such name":               {Query{NamePrefix: "zz"}, nil},
		"by key and value":           {Query{MetaKey: "odd", MetaValue: "1", NamePrefix: "b"}, []string{"b", "b/1", "b/10"}},
		"by key, in order of values": {Query{MetaKey: "n", NamePrefix: "b"}, []string{"b", "b/1", "b/2", "b/10"}},
		"no such key":                {Query{MetaKey: "no"}, nil},
		"no such value":              {Query{MetaKey: "odd", MetaValue: "2"}, nil},
		"long key and value":         {Query{MetaKey: long + "k", MetaValue: long + "vb"}, []string{"b"}},
	} {
		for _, limit := range []int{0, 1, 2, 100} {
			c.q.Limit = limit
			got, pages := scanNames(t, m, c.q)
			slices.Sort(c.want)
			if strings.Contains(what, "order") {
				c.want = []string{"b", "b/1", "b/2", "b/10"}
			}
			sorted := slices.Clone(got)
			if c.q.MetaValue != "" {
				slices.Sort(sorted)
			}
			if !slices.Equal(sorted, c.want) || limit == 1 && pages < len(c.want) {
				t.Errorf("%s, limit %d: got %q in %d pages, want %q", what, limit, got, pages, c.want)
			}
		}
	}
	if all, _ := scanNames(t, m, Query{Limit: 5}); len(all) != 12 {
		t.Errorf("got %d pins, want 12", len(all))
	}
}

// A cursor goes on where it was, whatever happened to the pin it stopped at and
// to those around it.
func TestCursorsSurviveChanges(t *testing.T) {
	for what, q := range map[string]Query{"by CID": {}, "by name": {NamePrefix: "n"}, "by metadata": {MetaKey: "k", MetaValue: "v"}} {
		m := testMachine(t, t.TempDir())
		pin := func(n int) Op {
			p := plainPin(n)
			p.Name, p.Metadata = fmt.Sprintf("n%04d", n), map[string]string{"k": "v"}
			return PinOp(p)
		}
		var ops []Op
		for n := range 100 {
			ops = append(ops, pin(n))
		}
		m.Apply(command(t, 1, 1, 1, ops...))
		seen := make(map[api.Cid]int)
		q.Limit = 7
		for index := uint64(2); ; index++ {
			var last api.Cid
			next, err := m.Scan(t.Context(), q, func(p api.Pin) error {
				seen[p.Cid]++
				last = p.Cid
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if q.After = next; next == "" {
				break
			}
			// The last one goes, new ones come, and the state moves to other files.
			m.Apply(command(t, index, 1, index, UnpinOp(last), pin(1000+int(index))))
			if err := restoreBytes(m, takeSnapshot(t, m)); err != nil {
				t.Fatal(err)
			}
		}
		for n := range 100 {
			if seen[testCid(n)] != 1 {
				t.Errorf("%s: pin %d was seen %d times, want once", what, n, seen[testCid(n)])
			}
		}
	}
}

// Backward, every query yields the same pins in the opposite order, and what a cursor is at comes in neither direction.
func TestScanBackward(t *testing.T) {
	m := scanned(t)
	long := strings.Repeat("l", maxTermBytes)
	for what, q := range map[string]Query{
		"all": {}, "by prefix": {NamePrefix: "b"}, "prefix of high bytes": {NamePrefix: "ÿ"}, "long": {NamePrefix: long},
		"by key": {MetaKey: "n"}, "by key and value": {MetaKey: "odd", MetaValue: "1", NamePrefix: "b"}, "nothing": {NamePrefix: "zz"},
	} {
		forward, _ := scanNames(t, m, q)
		slices.Reverse(forward)
		q.Backward = true
		for _, limit := range []int{0, 1, 2, 100} {
			q.Limit = limit
			if got, _ := scanNames(t, m, q); !slices.Equal(got, forward) {
				t.Errorf("%s, limit %d: got %q, want %q", what, limit, got, forward)
			}
		}
	}
	var first []api.Pin
	take := func(p api.Pin) error { first = append(first, p); return nil }
	cursor, err := m.Scan(t.Context(), Query{Limit: 3}, take)
	if err == nil {
		_, err = m.Scan(t.Context(), Query{Backward: true, Limit: 1, After: cursor}, take)
	}
	if err != nil || len(first) != 4 || !first[3].Cid.Equals(first[1].Cid) {
		t.Errorf("before the third pin comes another than the second: %v, %v", first, err)
	}
}

func TestScanStops(t *testing.T) {
	m := scanned(t)
	stop := errors.New("enough")
	n := 0
	next, err := m.Scan(t.Context(), Query{}, func(api.Pin) error {
		if n++; n == 4 {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) {
		t.Errorf("got error %v", err)
	}
	rest := 0
	if _, err := m.Scan(t.Context(), Query{After: next}, func(api.Pin) error { rest++; return nil }); err != nil || rest != 12-3 {
		t.Errorf("the scan went on with %d pins, %v, want %d", rest, err, 12-3)
	}
	for what, q := range map[string]Query{
		"nonsense": {After: "?"}, "of another query": {After: next, NamePrefix: "b"}, "of no query": {After: "eA"},
	} {
		if _, err := m.Scan(t.Context(), q, func(api.Pin) error { return nil }); !errors.Is(err, ErrInvalid) {
			t.Errorf("cursor %s: got error %v, want ErrInvalid", what, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := m.Scan(ctx, Query{}, func(api.Pin) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
