package peer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// secretPatience is how long every answering peer must refuse our secret before a first start gives up: long enough
// to outlast peers that are just starting or stopping.
const secretPatience = 3 * time.Second

// begin founds the cluster if there is none yet. A peer with state only waits for the others. Without state the peers
// wait until all of them have met; then the one with the lowest ID, and only that one, founds a cluster of exactly
// these peers, so two clusters can never start side by side from one configuration.
func (p *Peer) begin(ctx context.Context) error {
	if p.consensus.HasState() {
		return nil
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	var refusedSince time.Time
	for {
		founders, err := p.mesh.founders()
		p.setWaiting(err)
		switch {
		case err == nil:
			if founders[0] == p.ID() {
				return p.found(founders)
			}
			p.setWaiting(fmt.Errorf("%w: waiting for %s to found it", errWaiting, founders[0]))
		case !errors.Is(err, errSecretDiffers):
			refusedSince = time.Time{}
		case refusedSince.IsZero():
			refusedSince = time.Now()
		case time.Since(refusedSince) > secretPatience:
			return fmt.Errorf("cluster.secret or cluster.peers: %w", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-p.consensus.Ready(ctx): // somebody else founded it, or took us in
			p.setWaiting(nil)
			return nil
		case <-tick.C:
		}
	}
}

func (p *Peer) found(founders []peer.ID) error {
	p.logger.Info("founding a new cluster", "peers", founders)
	if err := p.consensus.Bootstrap(founders); err != nil {
		return fmt.Errorf("found cluster of %v: %w", founders, err)
	}
	p.setWaiting(nil)
	return nil
}

func (p *Peer) setWaiting(err error) {
	p.waitingMu.Lock()
	defer p.waitingMu.Unlock()
	p.waiting = err
}
