package denylist

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/underlay/underlay/internal/denial"
)

const (
	// hookTimeout bounds a call of the hook.
	hookTimeout = 30 * time.Second
	// hookAnswerBytes is how much of its answer is read.
	hookAnswerBytes = 64 << 10
)

// Hook is a URL that makes a CDN forget content.
type Hook struct {
	URL       string
	TokenFile string // has the bearer token; empty: none
}

// purge is what a hook is told.
type purge struct {
	Paths []string      `json:"paths"` // content paths; what is below them is denied, too
	Rules []denial.Rule `json:"rules"`
}

// Purge tells the hook what rules deny. It has done its work when it answers with a status below 300.
func (h Hook) Purge(ctx context.Context, rules []denial.Rule) error {
	message := purge{Paths: []string{}, Rules: rules}
	for _, r := range rules {
		message.Paths = append(message.Paths, r.Paths()...)
	}
	body, err := json.Marshal(message)
	if err != nil {
		return fmt.Errorf("encode a purge: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, hookTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.URL, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("call the purge hook: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	if h.TokenFile != "" {
		token, err := os.ReadFile(h.TokenFile)
		if err != nil {
			return fmt.Errorf("read the token of the purge hook: %w", err)
		}
		req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	}
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true} // calls are rare
	resp, err := transport.RoundTrip(req)                                                   // a redirect is no success
	if err != nil {
		return fmt.Errorf("call the purge hook: %w", err)
	}
	defer resp.Body.Close()
	// The answer says nothing beside its status.
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, hookAnswerBytes))
	if resp.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("call the purge hook: it answers %s", resp.Status)
	}
	return nil
}
