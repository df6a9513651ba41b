package peer

import (
	"context"
	"errors"
	"sync"

	ipfscluster "github.com/ipfs-cluster/ipfs-cluster"
	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs-cluster/ipfs-cluster/state"

	"github.com/underlay/underlay/consensus"
)

// startGate stands between the consensus becoming ready and the orchestrator's start, which waits for that in a goroutine
// of its own. A shutdown that meets this goroutine on its way deadlocks: the start wants the lock that the shutdown
// holds while it waits for the start. So before a shutdown the start either has come to its end or never begins.
type startGate struct {
	open    chan struct{} // closed when the orchestrator may start
	begun   chan struct{} // closed when it has started
	once    sync.Once     // guards begun
	closing chan struct{} // closed when it may start no more
	watched chan struct{} // closed when nobody will open the gate any more
}

func newStartGate(ready <-chan struct{}) *startGate {
	g := &startGate{
		open: make(chan struct{}), begun: make(chan struct{}),
		closing: make(chan struct{}), watched: make(chan struct{}),
	}
	go func() {
		defer close(g.watched)
		select {
		case <-ready:
			close(g.open)
		case <-g.closing:
		}
	}()
	return g
}

// stop keeps a gate that is shut from opening. It is called once.
func (g *startGate) stop() {
	close(g.closing)
	<-g.watched
}

// settle stops the gate and, if it was open, waits until the orchestrator has started or ctx ends.
func (g *startGate) settle(ctx context.Context) {
	g.stop()
	select {
	case <-g.open:
	default:
		return
	}
	select {
	case <-g.begun:
	case <-ctx.Done():
	}
}

// gatedConsensus is the consensus as the orchestrator sees it.
type gatedConsensus struct {
	*consensus.Consensus
	gate *startGate
}

// LogUnpin implements ipfscluster.Consensus, for which it is no error that there is no such pin: the orchestrator unpins the
// shards of a DAG one by one, and equal shards are one pin.
func (c gatedConsensus) LogUnpin(ctx context.Context, pin api.Pin) error {
	err := c.Consensus.LogUnpin(ctx, pin)
	if errors.Is(err, state.ErrNotFound) {
		return nil
	}
	return err
}

// Ready is closed once the consensus is ready, unless the peer closes before.
func (c gatedConsensus) Ready(context.Context) <-chan struct{} { return c.gate.open }

// gatedInformer tells when the orchestrator has started: asking the informers is the first thing that it does then.
type gatedInformer struct {
	ipfscluster.Informer
	gate *startGate
}

// GetMetrics implements ipfscluster.Informer.
func (i gatedInformer) GetMetrics(ctx context.Context) []api.Metric {
	i.gate.once.Do(func() { close(i.gate.begun) })
	return i.Informer.GetMetrics(ctx)
}
