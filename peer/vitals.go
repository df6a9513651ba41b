package peer

import (
	"context"
	"fmt"
	"math"
	"runtime/debug"
	"runtime/metrics"

	"github.com/underlay/underlay/internal/vitals"
)

// Vitals tells how this peer is. It waits for nobody else, so it works without a leader too.
func (p *Peer) Vitals(ctx context.Context) (vitals.Vitals, error) {
	status := p.consensus.Status()
	v := vitals.Vitals{
		ID: p.ID().String(), Name: p.opts.Name, Version: p.opts.Version, Tags: p.opts.Tags, Started: p.life.Started,
		Consensus: vitals.Consensus{
			Term: status.Term, Voter: status.Voter, Applied: status.Applied, LastContactMs: status.LastContact.Milliseconds(),
		},
		Memory: memory(),
		Pins:   p.reconciler.Unfinished(),
	}
	if status.Leader != "" {
		v.Consensus.Leader = status.Leader.String()
	}
	var err error
	if v.Pins.Total, err = p.consensus.Len(ctx); err != nil {
		return v, fmt.Errorf("count the pins: %w", err)
	}
	repo, err := p.connector.RepoStat(ctx)
	if err != nil {
		return v, err
	}
	v.Disk = vitals.Disk{Used: repo.RepoSize, Free: repo.StorageMax - min(repo.RepoSize, repo.StorageMax)}
	return v, nil
}

// memory counts as the limit of the runtime does.
func memory() vitals.Memory {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(samples)
	m := vitals.Memory{Used: samples[0].Value.Uint64() - samples[1].Value.Uint64()}
	if limit := debug.SetMemoryLimit(-1); limit < math.MaxInt64 {
		m.Limit = uint64(limit)
	}
	return m
}
