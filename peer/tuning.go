package peer

import "time"

// Tuning is the part of the options that may change while the peer runs.
type Tuning struct {
	AckReplicas int           // how many holders an acknowledged pin has
	AckTimeout  time.Duration // how long those may make no progress before the request fails
	RepinAfter  time.Duration // how long a member may be away before others hold its pins, too; 0: for ever
}

// Tune changes how the peer treats pins from now on. Any goroutine may call it.
func (p *Peer) Tune(t Tuning) { p.tuning.Store(&t) }
