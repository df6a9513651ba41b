package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/underlay/underlay/internal/denial"
)

// denyRequest is a rule that shall be.
type denyRequest struct {
	Rule   string `json:"rule"`
	Status int    `json:"status,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// Deny denies something to the public, on all peers. status is 410, or 451 for legal reasons; 0 is as each peer is set.
func (c *Client) Deny(ctx context.Context, rule string, status int, reason string) (denial.Rule, error) {
	var made denial.Rule
	return made, c.callWith(ctx, http.MethodPost, "/deny", denyRequest{rule, status, reason}, &made)
}

// Denied lists the cluster's own rules.
func (c *Client) Denied(ctx context.Context) ([]denial.Rule, error) {
	var all []denial.Rule
	return all, c.call(ctx, http.MethodGet, "/deny", nil, &all)
}

// Allow takes a rule back.
func (c *Client) Allow(ctx context.Context, rule string) error {
	return c.call(ctx, http.MethodDelete, "/deny", url.Values{"rule": {rule}}, nil)
}
