package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"

	"github.com/underlay/underlay/internal/vitals"
)

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

// Alerts lists what the peer's monitor complains about.
func (c *Client) Alerts(ctx context.Context) ([]api.Alert, error) {
	var alerts []api.Alert
	return alerts, c.call(ctx, http.MethodGet, "/health/alerts", nil, &alerts)
}

// Overview is the cluster as the peer that answers sees it.
type Overview struct {
	Asked  string         `json:"asked"`  // the ID of that peer
	Leader string         `json:"leader"` // its ID; empty while there is none
	Term   uint64         `json:"term"`
	Peers  []PeerOverview `json:"peers"`
}

// PeerOverview is one peer of it: how it is, or was when it last answered.
type PeerOverview struct {
	vitals.Vitals
	Error  string    `json:"error"` // why it does not answer
	Seen   time.Time `json:"seen"`  // when it last answered; zero: never
	Behind uint64    `json:"behind"`
	// Waiting says why it has no vote although it has caught up.
	Waiting string `json:"waiting"`
}

// Overview asks how all peers are.
func (c *Client) Overview(ctx context.Context) (Overview, error) {
	var o Overview
	return o, c.call(ctx, http.MethodGet, "/overview", nil, &o)
}

// CollectGarbage removes on all peers, or on the one that answers, what no pin holds.
func (c *Client) CollectGarbage(ctx context.Context, local bool) (api.GlobalRepoGC, error) {
	var done api.GlobalRepoGC
	query := url.Values{"local": {strconv.FormatBool(local)}}
	return done, c.call(ctx, http.MethodPost, "/ipfs/gc", query, &done)
}
