package ipfs

import "sync"

// groupSync lets all that wait for a sync at the same time share one. Each waits for a sync that begins after it asked:
// one that runs already may not cover what it has just written.
type groupSync struct {
	sync func() error

	running sync.Mutex // held by whoever syncs
	mu      sync.Mutex
	next    *syncRound // the one that will begin next; nil until somebody asks for it
}

type syncRound struct {
	done bool // and err, under running
	err  error
}

// wait returns when everything written before the call is synced.
func (g *groupSync) wait() error {
	g.mu.Lock()
	if g.next == nil {
		g.next = new(syncRound)
	}
	round := g.next
	g.mu.Unlock()

	g.running.Lock()
	defer g.running.Unlock()
	if round.done { // by another that asked for the same
		return round.err
	}
	g.mu.Lock()
	g.next = nil
	g.mu.Unlock()
	round.err = g.sync()
	round.done = true
	return round.err
}
