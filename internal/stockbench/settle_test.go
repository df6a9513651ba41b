package stockbench

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/underlay/underlay/internal/itest"
)

const (
	// sampleSize is how many CIDs the wait for all nodes watches: enough to meet the last hundredth, and few, so that
	// watching does not slow down the work.
	sampleSize = 200
	// statusBatch is how many CIDs one question holds when all are checked.
	statusBatch = 100
	// settleLimit bounds the wait for all nodes.
	settleLimit = 30 * time.Minute
)

// mark is a point in a measurement.
type mark struct {
	at  time.Time
	cpu time.Duration // used so far by all processes of a side
}

func (s *side) mark(b *testing.B) mark {
	b.Helper()
	return mark{at: time.Now(), cpu: cpuTime(b, s.pids())}
}

// awaitSettled waits until every host's node has done what the pinset wants of the CIDs, which are in the order
// in which that was asked for. It watches a random sample and returns the time when the last of that was done; then it checks all of
// them, and should one be missing, waits on.
func awaitSettled(b *testing.B, s *side, want string, cids []string) mark {
	b.Helper()
	chosen := rand.Perm(len(cids))[:min(sampleSize, len(cids))]
	slices.Sort(chosen)
	sample := make([]string, len(chosen))
	for i, n := range chosen {
		sample[i] = cids[n]
	}
	awaitEach(b, s, want, sample)
	done := s.mark(b)
	if missing := unsettled(s, want, cids); len(missing) > 0 {
		awaitEach(b, s, want, missing)
		done = s.mark(b)
	}
	return done
}

// awaitEach waits for the latest CID first: when that is done, one question usually shows that the others are too. A
// question without CIDs would list all pins.
func awaitEach(b *testing.B, s *side, want string, cids []string) {
	b.Helper()
	for i := range s.hosts {
		for rest := cids; len(rest) > 0; {
			last := rest[len(rest)-1]
			itest.Eventually(b, settleLimit, func() error { return s.settled(i, want, last) })
			rest = rest[:len(rest)-1]
			if len(rest) > 0 && len(rest) <= sampleSize && s.settled(i, want, rest...) == nil {
				break
			}
		}
	}
}

// unsettled returns the batches of CIDs that are not as wanted on every host.
func unsettled(s *side, want string, cids []string) []string {
	found := make([][]string, len(s.hosts))
	var g errgroup.Group
	for i := range s.hosts {
		g.Go(func() error {
			for batch := range slices.Chunk(cids, statusBatch) {
				if s.settled(i, want, batch...) != nil {
					found[i] = append(found[i], batch...)
				}
			}
			return nil
		})
	}
	_ = g.Wait() // the functions return no errors
	return slices.Concat(found...)
}
