package swap

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/sync/semaphore"
)

const (
	// flightBytes and flightCost bound what is asked of a member and not answered yet: about so many bytes, where a request
	// counts for at least so many.
	flightBytes = 8 << 20
	flightCost  = 16 << 10
	// stallTimeout is how long a member may send nothing that it was asked for.
	stallTimeout = 10 * time.Second
	// restTime is how long a member is left out after a failure.
	restTime    = 5 * time.Second
	openTimeout = time.Second
)

var (
	errResting = errors.New("the member is left out after a failure")
	errLate    = errors.New("the member does not answer in time")
)

// reply is the answer to one question, or why there is none.
type reply struct {
	answer
	from *link
	err  error
}

// question is a request under way. Its reply goes to a channel that has room for it.
type question struct {
	request
	cost  int64
	reply chan<- reply
}

// link asks one member over one stream, which it opens when needed.
type link struct {
	host     host.Host
	member   peer.ID
	patience time.Duration

	flight *semaphore.Weighted
	size   atomic.Int64 // of blocks, lately: what a request is expected to cost
	heard  atomic.Int64 // counts answers
	lateAt atomic.Int64 // heard, plus one, when it last let somebody wait too long

	rests atomic.Int64 // the Unix time in nanoseconds until which nothing is asked

	opening sync.Mutex // held while a stream is opened
	mu      sync.Mutex
	now     *pipe
	closed  bool
	running sync.WaitGroup
}

func newLink(h host.Host, member peer.ID, patience time.Duration) *link {
	l := &link{host: h, member: member, patience: patience, flight: semaphore.NewWeighted(flightBytes)}
	l.size.Store(256 << 10)
	return l
}

// usable tells whether it makes sense to ask now. It never waits.
func (l *link) usable() bool {
	return !l.late() && !l.resting() && l.host.Network().Connectedness(l.member) == network.Connected
}

func (l *link) resting() bool { return time.Now().UnixNano() < l.rests.Load() }

func (l *link) rest() { l.rests.Store(time.Now().Add(restTime).UnixNano()) }

// late tells whether the member has let somebody wait too long, and has not answered anything since.
func (l *link) late() bool { return l.lateAt.Load() == l.heard.Load()+1 }

// ask sends a request, as soon as not too much is under way; it waits for that as await does. The reply channel must have
// room for one more.
func (l *link) ask(ctx context.Context, r request, to chan<- reply) error {
	q := question{request: r, cost: flightCost, reply: to}
	if r.kind == kindGet {
		q.cost = min(max(l.size.Load(), flightCost), flightBytes)
	}
	if err := l.acquire(ctx, q.cost); err != nil {
		return err
	}
	p, err := l.pipe(ctx)
	if err == nil {
		err = p.send(q)
	}
	if err != nil {
		l.flight.Release(q.cost)
		return fmt.Errorf("ask member %s: %w", l.member, err)
	}
	return nil
}

func (l *link) acquire(ctx context.Context, cost int64) error {
	if l.flight.TryAcquire(cost) {
		return nil
	}
	for {
		heard := l.heard.Load()
		timed, cancel := context.WithTimeout(ctx, l.patience)
		err := l.flight.Acquire(timed, cost)
		cancel()
		if err == nil || ctx.Err() != nil {
			return err
		}
		if l.heard.Load() == heard {
			l.lateAt.Store(heard + 1)
			return errLate
		}
	}
}

// await waits for the reply to a request for a block as long as the member answers others meanwhile. One that does not is
// not asked again before it does.
func (l *link) await(ctx context.Context, replies <-chan reply) (reply, bool) {
	for {
		heard := l.heard.Load()
		late := time.NewTimer(l.patience)
		select {
		case r := <-replies:
			late.Stop()
			return r, true
		case <-ctx.Done():
			late.Stop()
			return reply{}, false
		case <-late.C:
			if l.heard.Load() == heard {
				l.lateAt.Store(heard + 1)
				return reply{}, false
			}
		}
	}
}

// settle hands out the reply to a question.
func (l *link) settle(q question, a answer, err error) {
	l.flight.Release(q.cost)
	if err == nil {
		l.heard.Add(1)
	}
	if a.kind == answerBlock {
		l.size.Store((7*l.size.Load() + int64(len(a.data))) / 8)
	}
	q.reply <- reply{answer: a, from: l, err: err}
}

// fail gives a stream up and leaves the member out for a while.
func (l *link) fail(p *pipe, err error) {
	l.mu.Lock()
	if l.now == p {
		l.now = nil
		l.rest()
		l.lateAt.Store(0)
	}
	l.mu.Unlock()
	p.end(err)
}

// distrust ends the stream of a member that has sent something wrong.
func (l *link) distrust(err error) {
	if p := l.current(); p != nil {
		l.fail(p, err)
	}
}

// revive forgets earlier failures: the member is another process now.
func (l *link) revive() {
	l.rests.Store(0)
	l.lateAt.Store(0)
}

func (l *link) current() *pipe {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now
}

// pipe returns the stream, a new one if there is none.
func (l *link) pipe(ctx context.Context) (*pipe, error) {
	if p := l.current(); p != nil {
		return p, nil
	}
	l.opening.Lock()
	defer l.opening.Unlock()
	if p := l.current(); p != nil {
		return p, nil
	}
	if l.resting() {
		return nil, errResting
	}
	timed, cancel := context.WithTimeout(network.WithNoDial(ctx, "members are connected already"), openTimeout)
	defer cancel()
	stream, err := l.host.NewStream(timed, l.member, Protocol)
	if err != nil {
		if ctx.Err() == nil {
			l.rest()
		}
		return nil, fmt.Errorf("open stream: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		_ = stream.Reset() // it was never used
		return nil, context.Canceled
	}
	p := &pipe{link: l, stream: stream, wake: make(chan struct{}, 1), ended: make(chan struct{})}
	l.now = p
	l.running.Go(p.write)
	l.running.Go(p.read)
	return p, nil
}

// close ends the stream and waits for those who serve it.
func (l *link) close() {
	l.mu.Lock()
	l.closed = true
	p := l.now
	l.mu.Unlock()
	if p != nil {
		p.end(context.Canceled)
	}
	l.running.Wait()
}
