package gateway

import (
	"net/http"

	"github.com/ipfs/boxo/blockservice"
	boxo "github.com/ipfs/boxo/gateway"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/underlay/underlay/gateway/hot"
)

// hotFiles keeps what is asked for often. Wrap stands right before boxo's handler, so that everything which decides about a
// request comes first, and the handler reads through Backend.
type hotFiles interface {
	Wrap(next http.Handler) http.Handler
	Backend(inner boxo.IPFSBackend) boxo.IPFSBackend
	Show(to prometheus.Registerer) error
}

// coldFiles keeps nothing.
type coldFiles struct{}

// Wrap implements hotFiles.
func (coldFiles) Wrap(next http.Handler) http.Handler { return next }

// Backend implements hotFiles.
func (coldFiles) Backend(inner boxo.IPFSBackend) boxo.IPFSBackend { return inner }

// Show implements hotFiles.
func (coldFiles) Show(prometheus.Registerer) error { return nil }

// newHotFiles makes the memory of hot files, if there is to be one.
func newHotFiles(o Options, hosts hostRules, blocks blockservice.BlockService) (hotFiles, error) {
	if o.CacheBytes < 0 {
		return coldFiles{}, nil
	}
	return hot.New(hot.Options{
		Blocks:     blocks,
		Local:      blocks.Blockstore(),
		Memory:     o.CacheBytes,
		Timeout:    o.Limits.Retrieval,
		KnownHost:  func(host string) bool { _, known := hosts.of(host); return known },
		Generation: o.Policy.Generation,
	})
}
