package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Grant says who may do what: it describes a token or a user.
type Grant struct {
	ID        string     `json:"id,omitempty"` // of a token
	Name      string     `json:"name"`
	Scopes    []string   `json:"scopes"`
	Created   time.Time  `json:"created"`
	CreatedBy string     `json:"created_by"`
	Expires   *time.Time `json:"expires,omitempty"`
	Parent    string     `json:"parent,omitempty"` // the credential that a token came from
	Quota
	Token string `json:"token,omitempty"` // the secret, only when it is made
}

// GrantRequest is what a new token or user shall be.
type GrantRequest struct {
	Name     string   `json:"name"`
	Password string   `json:"password,omitempty"` // of a user
	Scopes   []string `json:"scopes"`
	ExpireIn string   `json:"expire_in,omitempty"`
	MaxPins  uint64   `json:"max_pins,omitempty"` // 0: no limit
	MaxBytes uint64   `json:"max_bytes,omitempty"`
}

// Quota is how much a credential may keep, and how much it does.
type Quota struct {
	MaxPins  uint64 `json:"max_pins,omitempty"` // 0: no limit
	MaxBytes uint64 `json:"max_bytes,omitempty"`
	Used     *Usage `json:"used,omitempty"` // nil: nobody counts
}

// Usage is how much a credential keeps.
type Usage struct {
	Pins  uint64 `json:"pins"`
	Bytes uint64 `json:"bytes"`
}

// GrantChange is what of a credential changes: the fields that are set, in the form of the API, where null takes a limit or
// the end away.
type GrantChange map[string]any

// Self is who asks.
type Self struct {
	Kind    string     `json:"kind"` // token, user, settings, kubo, certificate or anybody
	ID      string     `json:"id,omitempty"`
	Name    string     `json:"name,omitempty"`
	Scopes  []string   `json:"scopes"`
	Expires *time.Time `json:"expires,omitempty"`
	Quota
}

// Credentials are of one kind: [Tokens] or [Users].
type Credentials string

// The kinds of credentials that the cluster remembers. A token is called by its ID, a user by the name.
const (
	Tokens Credentials = "/access/tokens"
	Users  Credentials = "/access/users"
)

// Grant makes a credential.
func (c *Client) Grant(ctx context.Context, kind Credentials, r GrantRequest) (Grant, error) {
	var made Grant
	return made, c.callWith(ctx, http.MethodPost, string(kind), r, &made)
}

// Grants lists the credentials of a kind.
func (c *Client) Grants(ctx context.Context, kind Credentials) ([]Grant, error) {
	var all []Grant
	return all, c.call(ctx, http.MethodGet, string(kind), nil, &all)
}

// Change changes a credential.
func (c *Client) Change(ctx context.Context, kind Credentials, id string, change GrantChange) (Grant, error) {
	var changed Grant
	return changed, c.callWith(ctx, http.MethodPut, string(kind)+"/"+url.PathEscape(id), change, &changed)
}

// Revoke removes a credential; with force also the last that may make others.
func (c *Client) Revoke(ctx context.Context, kind Credentials, id string, force bool) error {
	query := url.Values{}
	if force {
		query.Set("force", strconv.FormatBool(force))
	}
	return c.call(ctx, http.MethodDelete, string(kind)+"/"+url.PathEscape(id), query, nil)
}

// Self tells whom the peer takes the client for.
func (c *Client) Self(ctx context.Context) (Self, error) {
	var self Self
	return self, c.call(ctx, http.MethodGet, "/access/self", nil, &self)
}
