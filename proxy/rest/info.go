package rest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/gorilla/mux"
	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/underlay/underlay/proxy/fault"
	"github.com/underlay/underlay/proxy/member"
)

// maxBody bounds JSON bodies, which are all tiny.
const maxBody = 1 << 20

func (a *handlers) id(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, http.StatusOK, a.Cluster.ID(r.Context()))
}

func (a *handlers) version(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, api.Version{Version: a.Cluster.Version()})
}

// health is for load balancers: it says whether this peer is in touch with the cluster, and how soon to ask again.
// health is asked all the time while a peer is not ready, so it does not log.
func (a *handlers) health(w http.ResponseWriter, _ *http.Request) {
	if err := a.Ready(); err != nil {
		fault.WriteREST(w, http.StatusServiceUnavailable, err)
		return
	}
	writeEmpty(w)
}

// consensusStatus is the answer of /health/consensus, an addition of ours. Times are in milliseconds.
type consensusStatus struct {
	ID            string `json:"id"`
	Leader        string `json:"leader"` // empty while there is none
	State         string `json:"state"`
	Voter         bool   `json:"voter"` // false for a new member that has not caught up yet
	Term          uint64 `json:"term"`
	Applied       uint64 `json:"applied"`
	LastIndex     uint64 `json:"last_index"`
	LastContactMs int64  `json:"last_contact_ms"` // since the leader was heard from
	// Waiting says of the leader why new members have no vote although they have caught up, by their IDs.
	Waiting map[string]string `json:"waiting,omitempty"`
}

// consensusHandler answers for this peer, or has the one answer that the request names.
func (a *handlers) consensusHandler() http.HandlerFunc {
	if a.Peers == nil {
		return a.consensus
	}
	here := http.HandlerFunc(a.consensus)
	return member.Address(a.Peers, member.Named, here, here, a.Logger).ServeHTTP
}

func (a *handlers) consensus(w http.ResponseWriter, _ *http.Request) {
	s := a.Consensus()
	answer := consensusStatus{
		ID: s.ID.String(), State: s.State, Voter: s.Voter, Term: s.Term, Applied: s.Applied, LastIndex: s.LastIndex,
		LastContactMs: s.LastContact.Milliseconds(),
	}
	if s.Leader != "" {
		answer.Leader = s.Leader.String()
	}
	for id, why := range s.Waiting {
		if answer.Waiting == nil {
			answer.Waiting = make(map[string]string)
		}
		answer.Waiting[id.String()] = why
	}
	writeJSON(w, http.StatusOK, answer)
}

func (a *handlers) alerts(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, a.Cluster.Alerts())
}

func (a *handlers) bandwidth(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, a.Cluster.BandwidthByProtocol())
}

func (a *handlers) metrics(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, http.StatusOK, a.Monitor.LatestMetrics(r.Context(), mux.Vars(r)["name"]))
}

func (a *handlers) metricNames(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, http.StatusOK, a.Monitor.MetricNames(r.Context()))
}

func (a *handlers) peers(w http.ResponseWriter, r *http.Request) {
	writeStream(a, w, r, func(ctx context.Context, out chan<- api.ID) error {
		if err := a.isMember(ctx); err != nil {
			return err
		}
		a.Cluster.Peers(ctx, out)
		return nil
	}, keep)
}

// isMember returns why this peer is in no cluster, as far as that can be told. Where errors are told for each item, or not at
// all, it comes first.
func (a *handlers) isMember(ctx context.Context) error {
	if a.Pinset == nil {
		return nil
	}
	_, err := a.Pinset.Members(ctx)
	return err
}

func (a *handlers) peerAdd(w http.ResponseWriter, r *http.Request) {
	var body struct {
		PeerID string `json:"peer_id"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&body); err != nil {
		if status := fault.Status(err); status == http.StatusRequestEntityTooLarge {
			a.fail(w, r, fmt.Errorf("read request body: %w", err))
			return
		}
		a.fail(w, r, badRequest("error decoding request body: %w", err))
		return
	}
	pid, err := peer.Decode(body.PeerID)
	if err != nil {
		a.fail(w, r, badRequest("error decoding peer_id: %w", err))
		return
	}
	id, err := a.Cluster.PeerAdd(r.Context(), pid)
	a.reply(w, r, id, err)
}

func (a *handlers) peerRemove(w http.ResponseWriter, r *http.Request) {
	pid, err := peerParam(r)
	if err == nil {
		err = a.Cluster.PeerRemove(r.Context(), pid)
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	writeEmpty(w)
}

func (a *handlers) repoGC(w http.ResponseWriter, r *http.Request) {
	local, err := local(r)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	if !local {
		all, err := a.Cluster.RepoGC(r.Context())
		a.reply(w, r, all, err)
		return
	}
	one, err := a.Cluster.RepoGCLocal(r.Context())
	a.reply(w, r, api.GlobalRepoGC{PeerMap: map[string]api.RepoGC{one.Peer.String(): one}}, err)
}
