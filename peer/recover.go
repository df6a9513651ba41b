package peer

import (
	"errors"
	"log/slog"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/underlay/underlay/consensus"
)

// Recover makes the peer of a data directory, which must not be running, the only member of its cluster; see
// consensus.Recover for what that means. It returns the peer's ID.
func Recover(root string, logger *slog.Logger) (id peer.ID, err error) {
	dir, err := openDataDir(root)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	identity, err := dir.loadIdentity()
	if err != nil {
		return "", err
	}
	return identity.ID, consensus.Recover(dir.cluster(), identity.ID, logger)
}
