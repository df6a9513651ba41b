package policy

import (
	"context"
	"errors"

	"github.com/ipfs/boxo/namesys"
	"github.com/ipfs/boxo/path"
)

// Names returns a name system in which no denied name leads anywhere, and no name to what is denied. It resolves one
// name after the other, so that none in between is overlooked, and what comes out may be remembered only for as long as
// each of them.
func (p *Policy) Names(of namesys.NameSystem) namesys.NameSystem { return allowedNames{of, p} }

type allowedNames struct {
	namesys.NameSystem
	policy *Policy
}

// Resolve implements namesys.Resolver.
func (n allowedNames) Resolve(ctx context.Context, p path.Path, options ...namesys.ResolveOption) (namesys.Result, error) {
	o := namesys.ProcessResolveOptions(options)
	step := append(options[:len(options):len(options)], namesys.ResolveWithDepth(1))
	found := namesys.Result{Path: p}
	for depth := 1; ; depth++ {
		if err := n.policy.refuse(found.Path.String(), n.policy.Path(found.Path)); err != nil {
			return namesys.Result{}, err
		}
		if depth > 1 && !found.Path.Mutable() {
			return found, nil
		}
		next, err := n.NameSystem.Resolve(ctx, found.Path, step...)
		further := errors.Is(err, namesys.ErrResolveRecursion)
		if err != nil && !further {
			return namesys.Result{}, err
		}
		if depth > 1 {
			next.TTL = min(next.TTL, found.TTL)
		}
		found = next
		if further && depth == int(o.Depth) {
			return found, err
		}
	}
}

// ResolveAsync implements namesys.Resolver. There is one result.
func (n allowedNames) ResolveAsync(ctx context.Context, p path.Path, options ...namesys.ResolveOption) <-chan namesys.AsyncResult {
	out := make(chan namesys.AsyncResult, 1)
	go func() { // ends with ctx at the latest
		defer close(out)
		r, err := n.Resolve(ctx, p, options...)
		out <- namesys.AsyncResult{Path: r.Path, TTL: r.TTL, LastMod: r.LastMod, Err: err}
	}()
	return out
}
