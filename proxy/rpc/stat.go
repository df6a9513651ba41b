package rpc

import (
	"context"
	"encoding/json"
	"fmt"
	"math/bits"
	"net/http"
	"net/url"
	"slices"

	"github.com/ipfs/kubo/core"
	"github.com/ipfs/kubo/core/corerepo"
	"github.com/ipfs/kubo/repo"
	"github.com/libp2p/go-libp2p/core/peer"

	kuboconfig "github.com/ipfs/kubo/config"

	"github.com/underlay/underlay/proxy/member"
)

// statRepo is this node's repository with the sizes of the whole cluster, for kubo's repo/stat.
type statRepo struct {
	repo.Repo
	sizes corerepo.SizeStat
}

// GetStorageUsage implements repo.Repo.
func (r statRepo) GetStorageUsage(context.Context) (uint64, error) { return r.sizes.RepoSize, nil }

// Config implements repo.Repo.
func (r statRepo) Config() (*kuboconfig.Config, error) {
	own, err := r.Repo.Config()
	if err != nil {
		return nil, err
	}
	conf := *own
	conf.Datastore.StorageMax = "" // no limit
	if r.sizes.StorageMax != corerepo.NoLimit {
		conf.Datastore.StorageMax = fmt.Sprintf("%dB", r.sizes.StorageMax)
	}
	return &conf, nil
}

// statCluster is kubo's repo/stat on a node whose repository is as large as the cluster and whose blocks are those of
// all peers. A request that has the parameter peer is for that one.
func statCluster(k kubo, o Options, blocks *clusterBlocks) http.Handler {
	return k.onNodeOf(func(r *http.Request) (*core.IpfsNode, error) {
		sizes, err := blocks.members.sizes(r.Context(), o.Copies)
		if err != nil {
			return nil, err
		}
		node := *o.Node
		node.Blockstore = blocks
		node.Repo = statRepo{o.Node.Repo, sizes}
		return &node, nil
	})
}

// sizes asks all peers how large they are and may become, and reports those that do not answer as missing.
func (m members) sizes(ctx context.Context, copies int) (corerepo.SizeStat, error) {
	ids, err := member.Everyone(ctx, m.Peers)
	if err != nil {
		return corerepo.SizeStat{}, err
	}
	type answer struct {
		corerepo.SizeStat
		err error
	}
	answers := member.Each(ids, func(id peer.ID) (a answer) {
		raw, err := m.Ask(ctx, id, "/api/v0/repo/stat", url.Values{"size-only": {"true"}}, nil)
		if err == nil {
			err = json.Unmarshal(raw, &a.SizeStat)
		}
		a.err = err
		return a
	})
	var known []corerepo.SizeStat
	for i, a := range answers {
		if a.err != nil {
			member.ReportMissing(ctx, ids[i])
			err = a.err
			continue
		}
		known = append(known, a.SizeStat)
	}
	if len(known) == 0 {
		return corerepo.SizeStat{}, fmt.Errorf("measure the peers' repositories: %w", err)
	}
	return clusterSize(known, copies), nil
}

// clusterSize says what one node would show that holds what the peers hold together and has room for what they have room
// for, if every block is on that many of them (on all if copies is not positive). Room is what can be filled with every
// copy on a peer of its own: with a copy on every peer, the least of them. What is taken is at least what the fullest
// peer holds, and at least a copy's share of what all hold.
func clusterSize(peers []corerepo.SizeStat, copies int) corerepo.SizeStat {
	if copies <= 0 || copies > len(peers) {
		copies = len(peers)
	}
	var total, most uint64
	limits := make([]uint64, len(peers))
	for i, p := range peers {
		total += p.RepoSize
		most = max(most, p.RepoSize)
		limits[i] = p.StorageMax
	}
	return corerepo.SizeStat{RepoSize: max(most, total/uint64(copies)), StorageMax: room(limits, copies)}
}

// room is the greatest amount that can be stored copies times over, each time on other peers, within their limits: the
// greatest x for which copies * x is no more than the sum of min(limit, x).
func room(limits []uint64, copies int) uint64 {
	slices.Sort(limits)
	var below uint64 // what those take that are full before x is reached
	for full, limit := range limits {
		if share := copies - (len(limits) - full); share > 0 { // for the full ones, as the others take one copy each
			if x := below / uint64(share); x <= limit {
				return x
			}
		}
		sum, overflow := bits.Add64(below, limit, 0)
		if overflow > 0 {
			return corerepo.NoLimit
		}
		below = sum
	}
	return below / uint64(copies)
}
