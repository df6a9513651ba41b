package hot

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"

	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	format "github.com/ipfs/go-ipld-format"
)

type askerKey struct{}

// missing has nothing, says so when it is let, and notes who asked.
type missing struct {
	let    chan struct{}
	askers sync.Map
}

func (m *missing) GetBlock(ctx context.Context, c cid.Cid) (blocks.Block, error) {
	<-m.let
	m.askers.Store(ctx.Value(askerKey{}), true)
	return nil, format.ErrNotFound{Cid: c}
}

// Each request hears itself that a block is missing, also when several ask at the same time: who is asked notes in its context
// what it lacks.
func TestFailuresAreNotShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &missing{let: make(chan struct{})}
		cache := newCache(t, m, 0)
		id := blocks.NewBlock([]byte("missing")).Cid()
		var requests sync.WaitGroup
		for asker := range 3 {
			ctx := context.WithValue(t.Context(), askerKey{}, asker)
			requests.Go(func() {
				if _, err := cache.fetch(ctx, id, true); !format.IsNotFound(err) {
					t.Errorf("request %d: %v", asker, err)
				}
			})
		}
		synctest.Wait() // until one asks and the others wait for it
		close(m.let)
		requests.Wait()
		for asker := range 3 {
			if _, asked := m.askers.Load(asker); !asked {
				t.Errorf("request %d got the failure of another one", asker)
			}
		}
	})
}
