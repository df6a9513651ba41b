package proxytest

import (
	"log/slog"
	"testing"

	"github.com/underlay/underlay/internal/testkit/sharedlog"
	"github.com/underlay/underlay/proxy/access"
)

// NewGuard makes the guard of a peer whose cluster has no credentials yet.
func NewGuard(t testing.TB, peers access.Peers, o access.Options) *access.Guard {
	t.Helper()
	o.Logger = slog.New(slog.DiscardHandler)
	var err error
	if o.Registry, err = access.OpenRegistry(sharedlog.New().Join(t), peers, o.Logger); err != nil {
		t.Fatal(err)
	}
	return access.New(o)
}
