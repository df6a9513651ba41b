package meter

import "testing"

// What the instruments of one change of the state cost: its commit, its entry, and a write of the log, each alone in it.
func BenchmarkCommitObserved(b *testing.B) {
	m, err := New("bench")
	if err != nil {
		b.Fatal(err)
	}
	o := m.Consensus()
	b.ReportAllocs()
	for b.Loop() {
		o.Commit(.003)
		o.Batch(1)
		o.Log(.001)
	}
}
