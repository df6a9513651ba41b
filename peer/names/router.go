package names

import (
	"context"
	"errors"
	"strings"

	"github.com/ipfs/boxo/ipns"
	"github.com/libp2p/go-libp2p/core/routing"

	irouting "github.com/ipfs/kubo/routing"
)

// router is the node's routing with the records of the cluster in it.
type router struct {
	irouting.ProvideManyRouter
	records *records
}

// nameOf is the name that a key of a value store is for.
func nameOf(key string) (ipns.Name, bool) {
	if !strings.HasPrefix(key, ipns.NamespacePrefix) {
		return ipns.Name{}, false
	}
	name, err := ipns.NameFromRoutingKey([]byte(key))
	return name, err == nil
}

// GetValue implements routing.ValueStore.
func (r *router) GetValue(ctx context.Context, key string, o ...routing.Option) ([]byte, error) {
	name, ok := nameOf(key)
	if !ok {
		return r.ProvideManyRouter.GetValue(ctx, key, o...)
	}
	rec, ours, err := r.records.find(ctx, name)
	if err != nil || ours {
		return rec, err
	}
	wider, err := r.ProvideManyRouter.GetValue(ctx, key, o...)
	switch {
	case rec == nil:
		return wider, err
	case err != nil:
		return rec, nil // others know no better
	}
	return r.better(key, rec, wider), nil
}

// SearchValue implements routing.ValueStore.
func (r *router) SearchValue(ctx context.Context, key string, o ...routing.Option) (<-chan []byte, error) {
	name, ok := nameOf(key)
	if !ok {
		return r.ProvideManyRouter.SearchValue(ctx, key, o...)
	}
	rec, ours, err := r.records.find(ctx, name)
	if err != nil {
		return nil, err
	}
	if rec == nil {
		return r.ProvideManyRouter.SearchValue(ctx, key, o...)
	}
	var wider <-chan []byte
	if !ours {
		if wider, err = r.ProvideManyRouter.SearchValue(ctx, key, o...); err != nil {
			wider = nil // others know no better
		}
	}
	out := make(chan []byte, 1)
	out <- rec
	go func() {
		defer close(out)
		r.improve(ctx, key, rec, wider, out)
	}()
	return out, nil
}

// improve sends what is better than best and everything sent before.
func (r *router) improve(ctx context.Context, key string, best []byte, from <-chan []byte, to chan<- []byte) {
	if from == nil {
		return
	}
	for rec := range from {
		better := r.better(key, best, rec)
		if string(better) == string(best) {
			continue
		}
		best = better
		select {
		case to <- best:
		case <-ctx.Done():
			return
		}
	}
}

// better chooses between two records; the first if there is nothing to choose.
func (r *router) better(key string, a, b []byte) []byte {
	if i, err := r.records.validator.Select(key, [][]byte{a, b}); err == nil && i == 1 {
		return b
	}
	return a
}

// PutValue implements routing.ValueStore. The cluster stores the record if it is valid and the newest one; the network may
// have it in any case, and says what is wrong with it.
func (r *router) PutValue(ctx context.Context, key string, rec []byte, o ...routing.Option) error {
	if name, ok := nameOf(key); ok && r.records.validator.Validate(key, rec) == nil {
		if err := r.records.put(ctx, name, rec); err != nil && !errors.Is(err, errOlder) {
			return err
		}
	}
	return r.ProvideManyRouter.PutValue(ctx, key, rec, o...)
}

// readingRouter finds the records of the cluster and stores none.
type readingRouter struct {
	irouting.ProvideManyRouter
	network routing.ValueStore
}

// PutValue implements routing.ValueStore.
func (r readingRouter) PutValue(ctx context.Context, key string, rec []byte, o ...routing.Option) error {
	return r.network.PutValue(ctx, key, rec, o...)
}
