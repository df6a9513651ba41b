package client

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"github.com/ipfs-cluster/ipfs-cluster/api"
)

// peerHeader chooses the peer that answers a request.
const peerHeader = "X-Underlay-Peer"

// ID describes the peer that answers.
func (c *Client) ID(ctx context.Context) (api.ID, error) {
	var id api.ID
	return id, c.call(ctx, http.MethodGet, "/id", nil, &id)
}

// Peers streams the members; one that does not answer the others has its Error set.
func (c *Client) Peers(ctx context.Context, f func(api.ID) error) error {
	return stream(ctx, c, http.MethodGet, "/peers", nil, f)
}

// AddPeer lets a peer in again that was removed.
func (c *Client) AddPeer(ctx context.Context, id string) (api.ID, error) {
	var added api.ID
	body := struct {
		PeerID string `json:"peer_id"`
	}{id}
	return added, c.callWith(ctx, http.MethodPost, "/peers", body, &added)
}

// RemovePeer takes a member out of the cluster.
func (c *Client) RemovePeer(ctx context.Context, id string) error {
	return c.call(ctx, http.MethodDelete, "/peers/"+url.PathEscape(id), nil, nil)
}

// Health returns nil when the peer takes part in the cluster. An [*Error] of status 503 says why not.
func (c *Client) Health(ctx context.Context) error {
	return c.call(ctx, http.MethodGet, "/health", nil, nil)
}

// Consensus is what a peer knows of the consensus. Times are in milliseconds.
type Consensus struct {
	ID            string `json:"id"`
	Leader        string `json:"leader"` // empty while there is none
	State         string `json:"state"`
	Voter         bool   `json:"voter"`
	Term          uint64 `json:"term"`
	Applied       uint64 `json:"applied"`
	LastIndex     uint64 `json:"last_index"`
	LastContactMs int64  `json:"last_contact_ms"` // negative if a leader was never heard
	// Waiting says, if it is the leader's, why new members have no vote although they have caught up, by their IDs.
	Waiting map[string]string `json:"waiting,omitempty"`
}

// Consensus asks the peer that answers what it knows of the consensus.
func (c *Client) Consensus(ctx context.Context) (Consensus, error) {
	var s Consensus
	return s, c.call(ctx, http.MethodGet, "/health/consensus", nil, &s)
}

// errOther says that another peer than the one that was asked has answered.
var errOther = errors.New("another peer answered")

// ConsensusOf asks one peer, through the one that answers.
func (c *Client) ConsensusOf(ctx context.Context, id string) (Consensus, error) {
	var s Consensus
	req, err := c.request(ctx, http.MethodGet, "/health/consensus", nil)
	if err != nil {
		return s, err
	}
	req.Header.Set(peerHeader, id)
	if err := c.decode(req, &s); err != nil {
		return s, err
	}
	if s.ID != id {
		return Consensus{}, errOther
	}
	return s, nil
}

// Alerts lists what the peer's monitor complains about.
func (c *Client) Alerts(ctx context.Context) ([]api.Alert, error) {
	var alerts []api.Alert
	return alerts, c.call(ctx, http.MethodGet, "/health/alerts", nil, &alerts)
}

// RepoStat is what a peer's store takes and may take, in bytes.
type RepoStat struct {
	RepoSize   uint64
	StorageMax uint64
	NumObjects uint64
}

// RepoStat asks one peer about its own store, without counting the blocks.
func (c *Client) RepoStat(ctx context.Context, id string) (RepoStat, error) {
	var s RepoStat
	query := url.Values{"size-only": {"true"}}
	req, err := c.request(ctx, http.MethodPost, "/api/v0/repo/stat", query)
	if err != nil {
		return s, err
	}
	req.Header.Set(peerHeader, id)
	return s, c.decode(req, &s)
}

// CollectGarbage removes on all peers, or on the one that answers, what no pin holds.
func (c *Client) CollectGarbage(ctx context.Context, local bool) (api.GlobalRepoGC, error) {
	var done api.GlobalRepoGC
	query := url.Values{"local": {strconv.FormatBool(local)}}
	return done, c.call(ctx, http.MethodPost, "/ipfs/gc", query, &done)
}
