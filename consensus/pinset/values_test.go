package pinset

import (
	"fmt"
	"slices"
	"testing"
)

// Values between two keys come in order, as many as were asked for, and pages put together are all of them.
func TestValuesBetween(t *testing.T) {
	m := testMachine(t, t.TempDir())
	var ops []Op
	for _, key := range []string{"a/1", "a/2", "a/20", "a/3", "b/1", "b/2"} {
		ops = append(ops, SetValueOp(key, []byte("data of "+key)))
	}
	m.Apply(command(t, 1, 1, 1, append(ops, PinOp(plainPin(1)))...))
	for what, c := range map[string]struct {
		from, to string
		limit    int
		want     []string
	}{
		"all of a space":    {"a/", "a0", 10, []string{"a/1", "a/2", "a/20", "a/3"}},
		"from a key":        {"a/2", "a0", 10, []string{"a/2", "a/20", "a/3"}},
		"to a key":          {"a/", "a/3", 10, []string{"a/1", "a/2", "a/20"}},
		"the first":         {"a/", "a0", 2, []string{"a/1", "a/2"}},
		"behind a key":      {"a/2\x00", "b/2", 2, []string{"a/20", "a/3"}},
		"beyond the last":   {"b/3", "c", 10, nil},
		"the wrong way":     {"b", "a", 10, nil},
		"none of them":      {"a/", "a0", 0, nil},
		"no end":            {"b/2", "\xff", 10, []string{"b/2"}},
		"everything at all": {"", "\xff", 10, []string{"a/1", "a/2", "a/20", "a/3", "b/1", "b/2"}},
	} {
		values, err := m.ValuesBetween(t.Context(), c.from, c.to, c.limit)
		var keys []string
		for _, v := range values {
			keys = append(keys, v.Key)
			if string(v.Data) != "data of "+v.Key || v.Revision != 1 {
				t.Errorf("%s: %s has %q, revision %d", what, v.Key, v.Data, v.Revision)
			}
		}
		if err != nil || !slices.Equal(keys, c.want) {
			t.Errorf("%s: got %q, %v, want %q", what, keys, err, c.want)
		}
	}
}

// BenchmarkValuesBetween reads values in pages.
func BenchmarkValuesBetween(b *testing.B) {
	const total, page = 100_000, 1000
	m := testMachine(b, b.TempDir())
	for first := 0; first < total; first += page {
		ops := make([]Op, page)
		for i := range ops {
			ops[i] = SetValueOp(fmt.Sprintf("a/%08d", first+i), make([]byte, 200))
		}
		index := uint64(first/page + 1)
		m.Apply(command(b, index, 1, index, ops...))
	}
	for b.Loop() {
		read := 0
		for from := "a/"; ; {
			values, err := m.ValuesBetween(b.Context(), from, "a0", page)
			if err != nil {
				b.Fatal(err)
			}
			if read += len(values); len(values) < page {
				break
			}
			from = values[page-1].Key + "\x00"
		}
		if read != total {
			b.Fatalf("read %d values, want %d", read, total)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/total, "ns/value")
}
