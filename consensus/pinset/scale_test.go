package pinset

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs-cluster/ipfs-cluster/state"
)

// What a large pinset costs: the rate of applying, and memory and disk, at 10k,
// 100k and 1M pins. SCALE_PINS sets another end. Run it with -benchtime 1x.
func BenchmarkScale(b *testing.B) {
	end := 1_000_000
	if s := os.Getenv("SCALE_PINS"); s != "" {
		var err error
		if end, err = strconv.Atoi(s); err != nil {
			b.Fatal(err)
		}
	}
	for _, named := range []bool{false, true} {
		b.Run(fmt.Sprintf("named=%v", named), func(b *testing.B) {
			for b.Loop() {
				grow(b, end, named)
			}
		})
	}
}

const perEntry = 512

func grow(b *testing.B, end int, named bool) {
	b.Helper()
	dir := b.TempDir()
	m := testMachine(b, dir)
	b.Logf("empty: resident %d MiB", residentMiB(b))
	index, n, spent := uint64(0), 0, cpuTime(b)
	for _, goal := range []int{10_000, 100_000, 1_000_000, 3_000_000, 10_000_000} {
		if goal > end {
			break
		}
		var busy time.Duration
		for first := n; n < goal; {
			ops := make([]Op, 0, perEntry)
			for range min(perEntry, goal-n) {
				p := plainPin(n)
				if named {
					p.Name, p.Metadata = fmt.Sprintf("file %d", n), map[string]string{"owner": fmt.Sprint(n % 1000)}
				}
				ops = append(ops, PinOp(p))
				n++
			}
			index++
			entry := command(b, index, 1, index, ops...)
			begin := time.Now()
			m.Apply(entry)
			busy += time.Since(begin)
			if n == goal {
				cpu := cpuTime(b) - spent
				b.Logf("%d pins: since %d %.0f pins/s and %v CPU per pin (encoding it too), resident %d MiB, disk %d bytes/pin, %v for 1000 reads",
					n, first, float64(n-first)/busy.Seconds(), cpu/time.Duration(n-first), residentMiB(b),
					diskBytes(b, filepath.Join(dir, "state"))/n, readSome(b, m, n))
				spent = cpuTime(b)
			}
		}
	}
	begin := time.Now()
	if len(m.dirty.set) > maxDirty {
		b.Errorf("%d changes wait", len(m.dirty.set))
	}
	count := 0
	if _, err := m.Scan(b.Context(), Query{}, func(api.Pin) error { count++; return nil }); err != nil || count != n {
		b.Errorf("scanned %d pins, %v", count, err)
	}
	b.Logf("scan of all: %.0f pins/s, resident %d MiB", float64(n)/time.Since(begin).Seconds(), residentMiB(b))
	begin = time.Now()
	w := countingWriter{}
	if err := m.Backup(&w); err != nil {
		b.Fatal(err)
	}
	b.Logf("snapshot: %d bytes/pin in %v, resident %d MiB", w.n/n, time.Since(begin), residentMiB(b))
}

type countingWriter struct{ n int }

// Write implements io.Writer.
func (w *countingWriter) Write(b []byte) (int, error) {
	w.n += len(b)
	return len(b), nil
}

// readSome reads pins spread over all, and as many that are absent.
func readSome(b *testing.B, m *Machine, n int) time.Duration {
	begin := time.Now()
	for i := range 500 {
		if _, err := m.Get(context.Background(), testCid(i*(n/500))); err != nil {
			b.Error(err)
		}
		if _, err := m.Get(context.Background(), testCid(n+i)); err != state.ErrNotFound { //nolint:errorlint // identity is the promise
			b.Errorf("an absent pin: %v", err)
		}
	}
	return time.Since(begin)
}

// cpuTime returns what all threads of this process have used.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func residentMiB(b *testing.B) int {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Skip("no /proc here")
	}
	_, rest, _ := bytes.Cut(status, []byte("VmRSS:"))
	kib, err := strconv.Atoi(strings.Fields(string(rest))[0])
	if err != nil {
		b.Fatal(err)
	}
	return kib / 1024
}

func diskBytes(b *testing.B, dir string) int {
	total := 0
	err := filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil {
			return nil // deleted meanwhile
		}
		if info, err := e.Info(); err == nil {
			total += int(info.Size())
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	return total
}
