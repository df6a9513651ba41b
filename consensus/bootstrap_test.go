package consensus

import (
	"errors"
	"testing"

	"github.com/hashicorp/raft"
	"github.com/libp2p/go-libp2p/core/peer"
)

// founder is a peer that has founded the cluster and talks to the others, but gets no entry to any of them.
type founder struct {
	t         *testing.T
	id        peer.ID
	transport *raft.NetworkTransport
	of        *member
}

// asFounder ends a peer of the test cluster and lets a founder take its place.
func asFounder(t *testing.T, m *member) founder {
	t.Helper()
	m.stop()
	return founder{t, m.id, newRaftTransport(newStreams(m.opts.Host), newRaftLogger(testLogger(t))), m}
}

// die ends the founder for good.
func (f founder) die() {
	f.t.Helper()
	f.transport.CloseStreams()
	if err := f.transport.Close(); err != nil {
		f.t.Error(err)
	}
	f.of.kill()
}

func (f founder) header() raft.RPCHeader {
	return raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte(f.id.String()), Addr: []byte(f.id.String())}
}

// askForVote stands for election in a term. It must get the vote of m.
func (f founder) askForVote(m *member, term uint64) {
	f.t.Helper()
	to := raft.ServerID(m.id.String())
	req := &raft.RequestVoteRequest{RPCHeader: f.header(), Term: term, LastLogIndex: 1, LastLogTerm: 1}
	var resp raft.RequestVoteResponse
	if err := f.transport.RequestVote(to, raft.ServerAddress(to), req, &resp); err != nil || !resp.Granted {
		f.t.Fatalf("vote of %s: granted %v, %v", m.id, resp.Granted, err)
	}
}

// beat tells m that it leads a term.
func (f founder) beat(m *member, term uint64) {
	f.t.Helper()
	to := raft.ServerID(m.id.String())
	req := &raft.AppendEntriesRequest{RPCHeader: f.header(), Term: term}
	var resp raft.AppendEntriesResponse
	if err := f.transport.AppendEntries(to, raft.ServerAddress(to), req, &resp); err != nil || !resp.Success {
		f.t.Fatalf("heartbeat to %s: success %v, %v", m.id, resp.Success, err)
	}
}

// The first of three that founds the cluster is heard by the others and dies before it has replicated anything. They are a
// majority, and the cluster is theirs to found as well.
func TestFounderDiesBeforeItReplicates(t *testing.T) {
	for name, reach := range map[string]func(founder, *member, *member){
		"it stood for election": func(f founder, a, b *member) {
			f.askForVote(a, 2)
			f.askForVote(b, 2)
		},
		"it stood for election, and the others have been restarted since": func(f founder, a, b *member) {
			for _, m := range []*member{a, b} {
				f.askForVote(m, 2)
				m.stop()
				m.start()
			}
		},
		"it led": func(f founder, a, b *member) {
			f.askForVote(a, 2)
			f.beat(a, 2)
			f.beat(b, 2)
		},
	} {
		t.Run(name, func(t *testing.T) {
			tc := openPeers(t, 3, nil)
			f, a, b := asFounder(t, tc.peers[0]), tc.peers[1], tc.peers[2]
			reach(f, a, b)
			f.die()
			for _, m := range []*member{a, b} {
				if m.HasState() {
					t.Errorf("peer %s, which holds nothing, claims to have state", m.id)
				}
				if err := m.Bootstrap(tc.ids()); err != nil && !errors.Is(err, ErrHasState) {
					t.Fatal(err)
				}
			}
			tc.awaitReady()
			mustCommit(t, b, PinOp(plainPin(1)))
			if s := a.Status(); s.Term <= 2 {
				t.Errorf("the term is %d, and the founder's was 2", s.Term)
			}
			tc.check()
		})
	}
}

// Whoever founds the cluster late keeps the term that it has heard of and the vote that it has given.
func TestBootstrapKeepsTermAndVote(t *testing.T) {
	tc := openPeers(t, 3, nil)
	f, m := asFounder(t, tc.peers[0]), tc.peers[1]
	f.askForVote(m, 7)
	f.die()
	tc.peers[2].stop() // nobody is left to elect the peer
	if err := m.Bootstrap(tc.ids()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		vote, err := m.stores.terms.GetUint64([]byte(keyVoteTerm))
		if err != nil || vote != 7 {
			t.Errorf("the last vote was in term %d, %v, want 7", vote, err)
		}
		candidate, err := m.stores.terms.Get([]byte(keyVoteCandidate))
		if err != nil || string(candidate) != f.id.String() {
			t.Errorf("the last vote was for %s, %v", candidate, err)
		}
		var first raft.Log
		if err := m.stores.log.GetLog(1, &first); err != nil || first.Term != 1 {
			t.Errorf("the first entry is of term %d, %v, want 1", first.Term, err)
		}
		if s := m.Status(); s.Term != 7 || s.LastIndex != 1 || !m.HasState() {
			t.Errorf("status %+v", s)
		}
		if err := m.Bootstrap(tc.ids()); !errors.Is(err, ErrHasState) {
			t.Errorf("second bootstrap: %v", err)
		}
		m.stop()
		m.start()
	}
}

// A peer founds only a cluster that it is a first member of, whatever it has heard.
func TestBootstrapOfOthers(t *testing.T) {
	tc := openPeers(t, 3, nil)
	f, m := asFounder(t, tc.peers[0]), tc.peers[1]
	f.beat(m, 2)
	if err := m.Bootstrap([]peer.ID{tc.peers[0].id, tc.peers[2].id}); !errors.Is(err, raft.ErrNotVoter) || m.HasState() {
		t.Errorf("bootstrap of others: %v", err)
	}
	f.die()
}
