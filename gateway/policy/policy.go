package policy

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ipfs/boxo/path"
	"github.com/ipfs/go-cid"
	"golang.org/x/sync/errgroup"
)

// Options say where the denylists are. All may be zero: then only [Policy.SetEntries] denies anything.
type Options struct {
	// Dirs have the operator's lists, files whose names end in .deny. They need not exist.
	Dirs []string
	// URLs are lists that are fetched, every Interval: 0 means an hour.
	URLs     []string
	Interval time.Duration
	// Keep is the directory where fetched lists are kept, for starts without a network. It is made when needed.
	Keep string
	// Status is for what is denied by rules that ask for none: 410 or 451; 0 means 410.
	Status int

	Client *http.Client // fetches the lists; nil: one of its own
	Logger *slog.Logger // nil discards
}

const (
	defaultInterval = time.Hour
	// lookEvery is how often a directory is looked at. A file is read when two looks in turn have found it the same.
	lookEvery = time.Second
)

// Policy knows what is denied. Any goroutine may use it.
type Policy struct {
	log  *slog.Logger
	next chan Options // what Serve is to follow from then on

	mu      sync.Mutex // held to put other rules into force
	status  int
	dirs    []*directory
	fetched []*subscription
	entries []*list // of the cluster
	rules   atomic.Pointer[rules]
}

// Open reads the lists in the directories, and those that were fetched before. A list that cannot be read is left out,
// and the log says so. [Policy.Serve] keeps them up to date.
func Open(o Options) *Policy {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	p := &Policy{log: o.Logger, next: make(chan Options, 1)}
	p.rules.Store(&rules{})
	p.take(o)
	return p
}

// Replace has Serve follow other sources, and fetch lists at once. Until they are read, what was read of those before stays in
// force. One goroutine at a time may call it.
func (p *Policy) Replace(o Options) {
	select {
	case <-p.next: // never seen
	default:
	}
	p.next <- o
}

// take reads the sources and puts what they have into force.
func (p *Policy) take(o Options) {
	o.Logger = p.log
	if o.Status == 0 {
		o.Status = http.StatusGone
	}
	if o.Interval <= 0 {
		o.Interval = defaultInterval
	}
	if o.Client == nil {
		o.Client = newClient()
	}
	var dirs []*directory
	for _, path := range o.Dirs {
		d := &directory{path: path, log: o.Logger}
		d.look(true)
		dirs = append(dirs, d)
	}
	var fetched []*subscription
	for _, url := range o.URLs {
		s := newSubscription(url, o)
		s.load()
		fetched = append(fetched, s)
	}
	p.mu.Lock()
	p.dirs, p.fetched, p.status = dirs, fetched, o.Status
	p.mu.Unlock()
	p.renew()
}

// Serve follows the lists until ctx ends, and then returns nil.
func (p *Policy) Serve(ctx context.Context) error {
	for {
		until, stop := context.WithCancel(ctx)
		followed := p.followAll(until)
		select {
		case o := <-p.next:
			stop()
			if err := followed.Wait(); err != nil {
				return err
			}
			p.take(o)
		case <-ctx.Done():
			stop()
			return followed.Wait()
		}
	}
}

// followAll follows what the sources are now. Only Serve changes them.
func (p *Policy) followAll(ctx context.Context) *errgroup.Group {
	g, ctx := errgroup.WithContext(ctx)
	for _, d := range p.dirs {
		g.Go(func() error {
			p.follow(ctx, func() (bool, time.Duration) { return d.look(false), lookEvery })
			return nil
		})
	}
	for _, s := range p.fetched {
		g.Go(func() error {
			p.follow(ctx, func() (bool, time.Duration) { return s.refresh(ctx) })
			return nil
		})
	}
	return g
}

// follow calls look, and again after as long as it says, until ctx ends.
func (p *Policy) follow(ctx context.Context, look func() (changed bool, next time.Duration)) {
	for ctx.Err() == nil {
		changed, next := look()
		if changed {
			p.renew()
		}
		select {
		case <-time.After(next):
		case <-ctx.Done():
		}
	}
}

// renew puts what the sources have now into force.
func (p *Policy) renew() {
	p.mu.Lock()
	defer p.mu.Unlock()
	lists := append([]*list(nil), p.entries...)
	for _, d := range p.dirs {
		lists = append(lists, d.lists()...)
	}
	for _, s := range p.fetched {
		if l := s.list.Load(); l != nil {
			lists = append(lists, l)
		}
	}
	next := &rules{lists: lists, status: p.status, generation: p.rules.Load().generation + 1}
	p.rules.Store(next)
	size := 0
	for _, l := range lists {
		size += l.size
	}
	p.log.Debug("denylists in force", "lists", len(lists), "rules", size, "generation", next.generation)
}

// Generation changes whenever other rules come into force. A cache of responses takes it before it asks for one, keeps
// the response with it, and gives it to nobody when the generation is another: what the response was made of may be
// denied since.
func (p *Policy) Generation() uint64 { return p.rules.Load().generation }

// Path judges a content path: /ipfs/CID, /ipns/NAME, with or without more behind. It asks nobody, so it does not find out
// what the path leads to; see [Policy.Backend].
func (p *Policy) Path(of path.Path) Verdict { return p.rules.Load().path(of) }

// Block judges a block, whatever it is reached by.
func (p *Policy) Block(c cid.Cid) Verdict { return p.rules.Load().block(c) }

// Entry is a rule of the cluster's own list.
type Entry struct {
	Rule   string // /ipfs/CID[/PATH], /ipns/NAME[/PATH] or //HASH
	Status int    // 0: that of the options
}

// SetEntries puts the cluster's own list into force in place of the one before. It comes before all others: what it
// denies no other list exempts, and what is below a path that it denies is denied, too. The entries that it could not
// use are in the error; the others are in force nevertheless.
func (p *Policy) SetEntries(entries []Entry) error {
	var next []*list
	l, err := readEntries(entries)
	if l != nil && l.size > 0 {
		next = []*list{l}
	}
	p.mu.Lock()
	p.entries = next
	p.mu.Unlock()
	p.renew()
	if err != nil {
		return fmt.Errorf("deny what the cluster denies: %w", err)
	}
	return nil
}
