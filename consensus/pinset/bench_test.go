package pinset

import (
	"testing"

	"github.com/hashicorp/raft"
)

// One entry of 512 pins per round, without raft.
func BenchmarkApply(b *testing.B) {
	m := testMachine(b, b.TempDir())
	logs := make([]*raft.Log, 0, b.N)
	for i := range b.N {
		ops := make([]Op, 512)
		for j := range ops {
			ops[j] = PinOp(plainPin(i*512 + j))
		}
		logs = append(logs, command(b, uint64(i+1), 1, uint64(i+1), ops...))
	}
	b.ResetTimer()
	for _, l := range logs {
		m.Apply(l)
	}
	b.ReportMetric(float64(512*b.N)/b.Elapsed().Seconds(), "pins/s")
}

func BenchmarkRestore(b *testing.B) {
	source := filledMachine(b, b.TempDir(), 1)
	const pins = 200_000
	for i := range pins / 500 {
		ops := make([]Op, 500)
		for j := range ops {
			ops[j] = PinOp(plainPin(i*500 + j))
		}
		source.Apply(command(b, uint64(i+2), 2, uint64(i+1), ops...))
	}
	snap := takeSnapshot(b, source)
	m := testMachine(b, b.TempDir())
	for b.Loop() {
		if err := restoreBytes(m, snap); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(pins*b.N)/b.Elapsed().Seconds(), "pins/s")
}
