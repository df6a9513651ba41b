package names

import (
	"context"
	"errors"
	"time"

	"github.com/ipfs/boxo/ipns"
	"github.com/ipfs/boxo/namesys"
	"github.com/ipfs/boxo/path"
	"github.com/libp2p/go-libp2p/core/routing"
)

// system resolves the names of the cluster by its records, and publishes them. What is not of the cluster goes through
// wider, step by step, since a name of others may lead to one of ours.
type system struct {
	records *records
	wider   namesys.NameSystem
	routing routing.ValueStore // finds what others have published with a key of ours
	network routing.ValueStore // where published records go, once they are committed
}

var _ namesys.NameSystem = (*system)(nil)

// Resolve implements namesys.Resolver.
func (s *system) Resolve(ctx context.Context, p path.Path, options ...namesys.ResolveOption) (result namesys.Result, err error) {
	if !p.Mutable() { // most paths
		return namesys.Result{Path: p}, nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	err = namesys.ErrResolveFailed
	for found := range s.ResolveAsync(ctx, p, options...) {
		result, err = namesys.Result{Path: found.Path, TTL: found.TTL, LastMod: found.LastMod}, found.Err
		if err != nil {
			break
		}
	}
	return result, err
}

// ResolveAsync implements namesys.Resolver.
func (s *system) ResolveAsync(ctx context.Context, p path.Path, options ...namesys.ResolveOption) <-chan namesys.AsyncResult {
	out := make(chan namesys.AsyncResult, 1)
	go func() {
		defer close(out)
		s.resolve(ctx, p, namesys.ProcessResolveOptions(options), out)
	}()
	return out
}

// resolve sends what p leads to, each result better than the one before.
func (s *system) resolve(ctx context.Context, p path.Path, o namesys.ResolveOptions, out chan<- namesys.AsyncResult) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // of a step that is left early
	for found := range s.step(ctx, p, o) {
		switch {
		case found.Err != nil:
			send(ctx, out, found)
			return
		case !found.Path.Mutable():
			send(ctx, out, found)
		case o.Depth == 1:
			found.Err = namesys.ErrResolveRecursion
			send(ctx, out, found)
		default:
			below := o
			if below.Depth > 1 {
				below.Depth--
			}
			s.resolve(ctx, found.Path, below, out)
		}
	}
}

// step resolves one name.
func (s *system) step(ctx context.Context, p path.Path, o namesys.ResolveOptions) <-chan namesys.AsyncResult {
	out := make(chan namesys.AsyncResult, 1)
	found, ours := s.ours(ctx, p)
	if ours {
		out <- found
		close(out)
		return out
	}
	go func() {
		defer close(out)
		for found := range s.wider.ResolveAsync(ctx, p, namesys.ResolveWithDepth(1),
			namesys.ResolveWithDhtRecordCount(o.DhtRecordCount), namesys.ResolveWithDhtTimeout(o.DhtTimeout)) {
			if errors.Is(found.Err, namesys.ErrResolveRecursion) { // there is more to resolve, which is for us
				found.Err = nil
			}
			send(ctx, out, found)
		}
	}()
	return out
}

// ours resolves a name that the cluster has published.
func (s *system) ours(ctx context.Context, p path.Path) (result namesys.AsyncResult, ours bool) {
	if !p.Mutable() {
		return result, false
	}
	name, err := ipns.NameFromString(p.Segments()[1])
	if err != nil {
		return result, false // a domain
	}
	raw, ours, err := s.records.find(ctx, name)
	if err != nil {
		return namesys.AsyncResult{Err: err}, true
	}
	if !ours {
		return result, false
	}
	result.Path, result.TTL, result.Err = target(raw, p)
	result.LastMod = time.Now() // as kubo says of a record that it has just found
	return result, true
}

// target is where a record sends p, and for how long that may be remembered.
func target(raw []byte, p path.Path) (path.Path, time.Duration, error) {
	rec, err := ipns.UnmarshalRecord(raw)
	if err != nil {
		return nil, 0, err
	}
	base, err := rec.Value()
	if err != nil {
		return nil, 0, err
	}
	ttl, err := rec.TTL()
	if err != nil {
		ttl = namesys.DefaultResolverCacheTTL
	}
	if end, err := rec.Validity(); err == nil {
		ttl = min(ttl, time.Until(end))
	}
	below := p.Segments()[2:]
	if len(below) == 0 && !trailingSlash(p) {
		return base, max(ttl, 0), nil
	}
	if trailingSlash(p) {
		below = append(below, "")
	}
	joined, err := path.Join(base, below...)
	return joined, max(ttl, 0), err
}

func trailingSlash(p path.Path) bool { text := p.String(); return text[len(text)-1] == '/' }

func send(ctx context.Context, out chan<- namesys.AsyncResult, result namesys.AsyncResult) {
	select {
	case out <- result:
	case <-ctx.Done():
	}
}
