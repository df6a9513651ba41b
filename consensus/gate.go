package consensus

import (
	"context"
	"sync"
)

// gate counts work in progress and can be shut: work that came in is waited
// for, later work is turned away. raft never answers calls made while it shuts
// down, so every use of it passes a gate that is shut before.
type gate struct {
	mu   sync.Mutex
	shut bool
	busy sync.WaitGroup
}

// enter reports whether the work may start. If so, leave must follow.
func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut {
		return false
	}
	g.busy.Add(1)
	return true
}

func (g *gate) leave() { g.busy.Done() }

// close shuts the gate and waits for the work inside.
func (g *gate) close(ctx context.Context) error {
	g.mu.Lock()
	g.shut = true
	g.mu.Unlock()
	return waitGroup(ctx, &g.busy)
}

// start runs f in a goroutine that the gate waits for. It reports whether the
// gate was open.
func (g *gate) start(f func()) bool {
	if !g.enter() {
		return false
	}
	go func() {
		defer g.leave()
		f()
	}()
	return true
}
