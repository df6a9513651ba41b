package itest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// As makes all requests of the test to the cluster carry a token; with an empty one they carry none.
func (c *Cluster) As(token string) {
	for _, p := range c.Peers {
		p.http = newClient()
		if token != "" {
			p.http.Transport = bearing{p.http.Transport, token}
		}
	}
}

// bearing sends a token with each request that has no credential of its own.
type bearing struct {
	http.RoundTripper
	token string
}

// RoundTrip implements http.RoundTripper.
func (b bearing) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Header.Get("Authorization") == "" {
		req = req.Clone(req.Context())
		req.Header.Set("Authorization", "Bearer "+b.token)
	}
	return b.RoundTripper.RoundTrip(req)
}

// MakeToken makes a token through the peer, with the scopes that are the elements of a JSON list.
func (p *Peer) MakeToken(name, scopes string) (id, token string, err error) {
	answer, err := p.post("/access/tokens", fmt.Sprintf(`{"name": %q, "scopes": [%s]}`, name, scopes))
	if err != nil {
		return "", "", fmt.Errorf("make a token through %s: %w", p.Name, err)
	}
	var made struct{ ID, Token string }
	return made.ID, made.Token, json.Unmarshal(answer, &made)
}

// Try asks a peer for something with a token and nothing else, and returns the status of the answer.
func (p *Peer) Try(method, url, token string) (int, error) {
	if strings.HasPrefix(url, "/api/v0/") || strings.HasPrefix(url, "/debug/") {
		url = p.API + url
	} else {
		url = p.REST + url
	}
	req, err := http.NewRequest(method, url, nil)
	if err != nil {
		return 0, err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	client := p.http
	if b, ok := client.Transport.(bearing); ok {
		client = &http.Client{Timeout: requestTimeout, Transport: b.RoundTripper}
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	_, err = readAnswer(resp)
	if _, refused := errors.AsType[*StatusError](err); refused {
		err = nil
	}
	return resp.StatusCode, err
}
