package peer

import "time"

// Tuning is the part of the options that may change while the peer runs.
type Tuning struct {
	AckReplicas int
	AckTimeout  time.Duration
	RepinAfter  time.Duration
}

// Tune changes how the peer treats pins from now on. Any goroutine may call it.
func (p *Peer) Tune(t Tuning) { p.tuning.Store(&t) }

func (o Options) tuning() Tuning { return Tuning{o.AckReplicas, o.AckTimeout, o.RepinAfter} }
