package peer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/sync/errgroup"

	"github.com/underlay/underlay/consensus"
	"github.com/underlay/underlay/peer/genesis"
)

const (
	// secretPatience is how long every answering peer must refuse our secret before a first start gives up: long enough
	// to outlast peers that are just starting or stopping.
	secretPatience = 3 * time.Second
	// agreeInterval is how often a step towards the first members is tried; with a record, which may be far away, less often.
	agreeInterval       = 100 * time.Millisecond
	agreeIntervalRecord = time.Second
)

func (p *Peer) openGenesis(context.Context) (err error) {
	p.word, err = genesis.Open(p.dir.genesis(), p.ID(), writeFile)
	return err
}

// begin founds the cluster if there is none yet. A peer with state only waits for the others. Without state the peers
// wait until enough of them have met, and agree on the first members; then each of these, and nobody else, may found the
// cluster of exactly them.
func (p *Peer) begin(ctx context.Context) error {
	interval := agreeInterval
	if p.opts.Record != nil {
		interval = agreeIntervalRecord
	}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	var refusedSince time.Time
	for {
		if p.consensus.HasState() { // of an earlier life, or somebody else has founded it or taken this peer in
			p.setWaiting(nil)
			return nil
		}
		set, err := p.agree(ctx)
		p.setWaiting(err)
		switch {
		case err == nil:
			return p.found(set)
		case errors.Is(err, errStorage):
			return err
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
		case <-tick.C:
		}
	}
}

// errStorage reports that this peer cannot keep its word.
var errStorage = errors.New("the data directory cannot be written")

// agree takes a step towards the first members. It returns them when the cluster may be founded; until then the error says
// what it waits for.
func (p *Peer) agree(ctx context.Context) (genesis.Set, error) {
	if p.opts.Record != nil {
		return p.agreeByRecord(ctx)
	}
	if len(p.word.Given()) == 0 {
		founders, err := p.nameFounders()
		if err != nil {
			return nil, err
		}
		if _, err := p.word.Give(founders); err != nil {
			return nil, fmt.Errorf("%w: %w", errStorage, err)
		}
	}
	if missing := p.word.Missing(); len(missing) > 0 {
		p.mesh.greetAll(ctx, missing)
	}
	set := p.word.Given() // may have changed
	if missing := p.word.Missing(); len(missing) > 0 {
		return nil, fmt.Errorf("%w: waiting for %v to agree that the first members are %v", errWaiting, missing, set)
	}
	return set, p.beforeFounding(ctx)
}

// agreeByRecord is agree where a record decides.
func (p *Peer) agreeByRecord(ctx context.Context) (genesis.Set, error) {
	set, err := p.opts.Record.Read(ctx)
	if err == nil && len(set) == 0 {
		founders, proposeErr := p.nameFounders()
		if proposeErr != nil {
			return nil, proposeErr
		}
		set, err = p.opts.Record.Agree(ctx, founders)
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: the record of the first members: %w", errWaiting, err)
	case !set.Has(p.ID()):
		return nil, fmt.Errorf("%w: waiting for the first members to let this one in: %v", errWaiting, set)
	}
	return set, p.beforeFounding(ctx)
}

// nameFounders returns the first members if this peer is the one to name them.
func (p *Peer) nameFounders() (genesis.Set, error) {
	founders, err := p.mesh.founders()
	if err != nil {
		return nil, err
	}
	set := genesis.NewSet(founders)
	if set[0] != p.ID() {
		return nil, fmt.Errorf("%w: waiting for %s to name the first members", errWaiting, set[0])
	}
	return set, nil
}

// beforeFounding lets tests end a peer here.
func (p *Peer) beforeFounding(ctx context.Context) error {
	if p.opts.FoundingReached == nil {
		return nil
	}
	return p.opts.FoundingReached(ctx)
}

// heard takes note of what another peer says in a greeting.
func (p *Peer) heard(from peer.ID, hello Hello) {
	if from == "" || p.consensus.HasState() {
		return
	}
	if err := p.word.Hear(from, genesis.NewSet(hello.Genesis)); err != nil {
		p.logger.Error("cannot agree on the first members of the cluster", "error", err)
	}
}

// greetAll greets the given peers at once, as far as they have been met.
func (m *mesh) greetAll(ctx context.Context, ids []peer.ID) {
	ctx, cancel := context.WithTimeout(ctx, dialInterval)
	defer cancel()
	var g errgroup.Group
	for _, id := range ids {
		g.Go(func() error {
			_, err := m.greet(ctx, id) // which tells heard
			return err
		})
	}
	if err := g.Wait(); err != nil {
		m.logger.Debug("not all peers agree on the first members yet", "error", err)
	}
}

func (p *Peer) found(founders []peer.ID) error {
	p.logger.Info("founding a new cluster", "peers", founders)
	if err := p.consensus.Bootstrap(founders); err != nil && !errors.Is(err, consensus.ErrHasState) { // another one was faster
		return fmt.Errorf("found cluster of %v: %w", founders, err)
	}
	p.setWaiting(nil)
	return nil
}

// outside returns what this peer waits for before it takes part in a cluster for the first time since it was started; nil: it
// does, or is about to.
func (p *Peer) outside() error {
	p.waitingMu.Lock()
	defer p.waitingMu.Unlock()
	if p.waiting == nil { // as long as the consensus is being opened
		return nil
	}
	select {
	case <-p.consensus.Ready(context.Background()):
		return nil
	default:
		return p.waiting
	}
}

func (p *Peer) setWaiting(err error) {
	p.waitingMu.Lock()
	defer p.waitingMu.Unlock()
	p.waiting = err
}
