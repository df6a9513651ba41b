package consensus

import "context"

type staleKey struct{}

// WithStale returns a context with which reads do not ask the leader: Barrier,
// State and Pins then return at once, and what they show may lag behind the
// cluster.
func WithStale(ctx context.Context) context.Context {
	return context.WithValue(ctx, staleKey{}, true)
}

// IsStale reports whether ctx comes from WithStale.
func IsStale(ctx context.Context) bool {
	stale, _ := ctx.Value(staleKey{}).(bool)
	return stale
}
