package consensus

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/underlay/underlay/consensus/internal/sim"
)

// simFault is one fault of a schedule.
type simFault struct {
	kind     string
	at, last time.Duration
	peer     int // -1: whoever leads then
	rng      *rand.Rand
}

func (f simFault) String() string {
	return fmt.Sprintf("%s of %d at %v for %v", f.kind, f.peer, f.at, f.last)
}

// simKinds are the faults; some are more likely than others.
var simKinds = [...]string{
	"partition", "partition", "deaf", "mute", "disconnect", "loss", "slow link", "slow disk",
	"crash", "crash", "restart", "handover", "all crash",
}

// schedule makes up the faults of a seed.
func schedule(seed uint64, peers int, length time.Duration) []simFault {
	rng := rand.New(rand.NewPCG(seed, 3))
	var faults []simFault
	for i := range 2 + rng.IntN(7) {
		f := simFault{
			kind: simKinds[rng.IntN(len(simKinds))],
			at:   time.Duration(rng.Int64N(int64(length))),
			last: 50*time.Millisecond + time.Duration(rng.Int64N(int64(length)/3)),
			peer: rng.IntN(peers),
			rng:  rand.New(rand.NewPCG(seed, 100+uint64(i))),
		}
		if rng.IntN(2) == 0 {
			f.peer = -1
		}
		faults = append(faults, f)
	}
	return faults
}

// inflict lets one fault happen, from its begin to its end.
func (w *world) inflict(f simFault) {
	time.Sleep(f.at)
	p := w.leader()
	if f.peer >= 0 || p == nil {
		p = w.peers[max(0, f.peer)]
	}
	switch f.kind {
	case "crash":
		p.crash(f.rng)
		time.Sleep(f.last)
		w.startAgain(p)
	case "all crash":
		for _, p := range w.peers {
			p.crash(f.rng)
		}
		for _, i := range f.rng.Perm(len(w.peers)) {
			time.Sleep(f.last / 8)
			w.startAgain(w.peers[i])
		}
	case "restart":
		p.stop(f.rng.IntN(2) == 0)
		time.Sleep(f.last)
		w.startAgain(p)
	case "handover":
		w.handover(p)
	case "slow disk":
		w.count(func(s *simStats) { s.SlowFaults++ })
		p.slowDisk(time.Duration(5+f.rng.IntN(300)) * time.Millisecond)
		time.Sleep(f.last)
		p.slowDisk(0)
	default:
		w.disturb(f, p)
	}
}

func (w *world) startAgain(p *simPeer) {
	if err := p.start(); err != nil {
		w.fault("start again: %w", err)
	}
}

func (w *world) handover(p *simPeer) {
	l := p.up()
	if l == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if l.Handover(ctx) == nil { // it may fail: the network is bad
		w.count(func(s *simStats) { s.Handovers++ })
	}
}

func (p *simPeer) slowDisk(delay time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.disk.SetDelay(delay)
}

// disturb is the faults of the network around one peer.
func (w *world) disturb(f simFault, p *simPeer) {
	normal := w.net.GetLink(p.id, p.id)
	to, from := normal, normal // this peer
	switch f.kind {
	case "partition":
		to.Blocked, from.Blocked = true, true
	case "deaf":
		to.Blocked = true
	case "mute":
		from.Blocked = true
	case "loss":
		to.Loss, from.Loss = 0.02+f.rng.Float64()/5, 0.02+f.rng.Float64()/5
	case "slow link":
		to.Delay = time.Duration(f.rng.IntN(300)) * time.Millisecond
		from.Delay = time.Duration(f.rng.IntN(300)) * time.Millisecond
		to.Jitter, from.Jitter = 50*time.Millisecond, 50*time.Millisecond
	}
	w.count(func(s *simStats) {
		switch {
		case to.Blocked || from.Blocked:
			s.PartitionFaults++
		case to.Loss > 0:
			s.LossFaults++
		case to.Delay != normal.Delay:
			s.SlowFaults++
		}
	})
	// From some of the others only, at times: then two halves overlap.
	some, breaks := f.rng.IntN(4) == 0, f.kind == "disconnect" || f.rng.IntN(2) == 0
	for _, o := range w.peers {
		if o == p || some && f.rng.IntN(2) == 0 {
			continue
		}
		w.link(p, o, from, to)
		if breaks {
			w.net.Disconnect(p.id, o.id)
		}
	}
	if f.kind == "disconnect" {
		return
	}
	time.Sleep(f.last)
	for _, o := range w.peers {
		w.link(p, o, normal, normal)
	}
}

func (w *world) link(a, b *simPeer, out, in sim.Link) {
	w.net.SetLink(a.id, b.id, out)
	w.net.SetLink(b.id, a.id, in)
}
