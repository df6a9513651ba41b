package rpc

import (
	"net/http"
	"strings"
	"testing"

	"github.com/ipfs/kubo/core/corerepo"

	"github.com/underlay/underlay/proxy/member"
)

func TestClusterSize(t *testing.T) {
	const gb = 1 << 30
	sizes := func(pairs ...uint64) (peers []corerepo.SizeStat) {
		for i := 0; i < len(pairs); i += 2 {
			peers = append(peers, corerepo.SizeStat{RepoSize: pairs[i], StorageMax: pairs[i+1]})
		}
		return peers
	}
	for _, c := range []struct {
		name       string
		peers      []corerepo.SizeStat
		copies     int
		size, room uint64
	}{
		{"one peer is itself", sizes(5, gb), -1, 5, gb},
		{"everything everywhere is one of them", sizes(5, gb, 5, gb, 5, gb), -1, 5, gb},
		{"one that is behind counts for nothing", sizes(5, gb, 5, gb, 1, gb), -1, 5, gb},
		{"everywhere ends with the smallest", sizes(5, gb, 5, gb/4, 5, 2*gb), -1, 5, gb / 4},
		{"one copy adds up", sizes(5, gb, 6, gb, 7, 2*gb), 1, 18, 4 * gb},
		{"two copies on three", sizes(4, gb, 4, gb, 4, gb), 2, 6, gb + gb/2},
		{"the second copy must be elsewhere", sizes(4, gb, 4, gb, 8, 10*gb), 2, 8, 2 * gb},
		{"the fullest is a lower bound", sizes(9, gb, 1, gb, 1, gb), 2, 9, gb + gb/2},
		{"more copies than peers", sizes(3, gb, 3, gb), 5, 3, gb},
		{"no limit", sizes(3, corerepo.NoLimit, 3, corerepo.NoLimit), -1, 3, corerepo.NoLimit},
		{"no limit for one copy", sizes(3, corerepo.NoLimit, 3, corerepo.NoLimit), 1, 6, corerepo.NoLimit},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := clusterSize(c.peers, c.copies)
			if want := (corerepo.SizeStat{RepoSize: c.size, StorageMax: c.room}); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

func TestStatMeasuresTheCluster(t *testing.T) {
	rigs := newRPCRigs(t, 3)
	large := strings.Repeat("on the last", 1<<15)
	everywhere, first, last := branch(t, "everywhere"), branch(t, "on the first"), branch(t, large)
	// What a new node has of its own is the same everywhere.
	var empty corerepo.Stat
	rigs[0].post("repo/stat", nil).Decode(t, &empty)
	for _, r := range rigs {
		r.store(everywhere)
	}
	rigs[0].store(first)
	rigs[2].store(last)

	for _, command := range []string{"repo/stat", "stats/repo"} {
		var all, own corerepo.Stat
		rigs[0].post(command, nil).Decode(t, &all)
		if all.NumObjects != empty.NumObjects+3 || all.RepoPath == "" || !strings.HasPrefix(all.Version, "fs-repo@") {
			t.Errorf("%s: %+v, empty %+v", command, all, empty)
		}
		rigs[0].post(command, nil, "peer", "peer-3").Decode(t, &own)
		if own.NumObjects != empty.NumObjects+2 {
			t.Errorf("%s of one peer: %+v", command, own)
		}
		if all.RepoSize < uint64(len(large)) || all.StorageMax != own.StorageMax {
			t.Errorf("%s: all %+v, the fullest %+v", command, all.SizeStat, own.SizeStat)
		}
	}
	if reply := rigs[0].post("repo/stat", nil, "encoding", "text", "human", "true"); !strings.Contains(reply.Text, "NumObjects: ") || !strings.Contains(reply.Text, "B\n") {
		t.Errorf("for people: %q", reply.Text)
	}
	if reply := rigs[0].post("repo/stat", nil, "encoding", "text", "size-only", "true"); strings.Contains(reply.Text, "NumObjects") || !strings.Contains(reply.Text, "RepoSize") {
		t.Errorf("sizes only: %q", reply.Text)
	}
	if reply := rigs[0].post("repo/stat", nil, "peer", "nobody"); reply.StatusCode != http.StatusBadRequest {
		t.Errorf("of a peer that there is not: %d, %s", reply.StatusCode, reply.Text)
	}
}

func TestStatNamesThePeersItLacks(t *testing.T) {
	rigs := newRPCRigs(t, 3)
	down := rigs[1].self
	down.Reach(down, "")
	reply := rigs[0].post("repo/stat", nil)
	if got := reply.Header.Get(member.UnreachableHeader); reply.StatusCode != http.StatusOK || got != down.ID().String() {
		t.Errorf("status %d, unreachable %q", reply.StatusCode, got)
	}
	if got := reply.Header.Get(member.ExposeHeader); !strings.HasSuffix(got, member.Header+", "+member.UnreachableHeader) {
		t.Errorf("exposed are %q", got)
	}
	if reply := rigs[0].post("repo/stat", nil, "peer", "peer-2"); reply.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("of the peer itself: %d, %s", reply.StatusCode, reply.Text)
	}
}
