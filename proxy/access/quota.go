package access

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/underlay/underlay/consensus"
)

// quota is how much a credential may keep; 0: without limit.
type quota struct {
	MaxPins  uint64 `json:"max_pins,omitempty"`
	MaxBytes uint64 `json:"max_bytes,omitempty"`
}

// account is for whom the pins count that are made with a credential: itself, or the one that it came from. ok is false for
// one without a quota, whose pins nobody counts.
func (c *credential) account() (a consensus.Account, ok bool) {
	holder := c
	if c.Parent != "" {
		holder = &credential{place: c.Parent}
	}
	return consensus.Account{Name: holder.String(), MaxPins: c.MaxPins, MaxBytes: c.MaxBytes}, c.quota != quota{}
}

// used is how much a credential keeps.
type used struct {
	Pins  uint64 `json:"pins"`
	Bytes uint64 `json:"bytes"`
}

// usage returns how much a credential keeps that has a quota, and nil for one that has none. Without WithStale it asks the
// leader.
func (r *Registry) usage(ctx context.Context, c *credential) (*used, error) {
	account, ok := c.account()
	if !ok {
		return nil, nil
	}
	found, err := r.values.Usage(ctx, account.Name)
	if err != nil {
		return nil, fmt.Errorf("look up what %s keeps: %w", account.Name, err)
	}
	return &used{found.Pins, found.Bytes}, nil
}

// limit is one limit of a quota as a caller wishes it; null takes it away.
type limit struct {
	given, wrong bool
	most         uint64
}

// UnmarshalJSON implements json.Unmarshaler.
func (l *limit) UnmarshalJSON(raw []byte) error {
	l.given = true
	if string(raw) != "null" {
		l.wrong = json.Unmarshal(raw, &l.most) != nil || l.most == 0
	}
	return nil
}

// apply puts the limits that are wished into a quota.
func (q *quota) apply(pins, bytes limit) error {
	for _, field := range []struct {
		name  string
		limit limit
		into  *uint64
	}{{"max_pins", pins, &q.MaxPins}, {"max_bytes", bytes, &q.MaxBytes}} {
		switch {
		case field.limit.wrong:
			return refuse(http.StatusBadRequest, "%s: must be a whole number above 0, or null for no limit", field.name)
		case field.limit.given:
			*field.into = field.limit.most
		}
	}
	return nil
}

// counted makes what is pinned for a request count for its credential.
func counted(r *http.Request, c *credential) *http.Request {
	if account, ok := c.account(); ok {
		return r.WithContext(consensus.WithAccount(r.Context(), account))
	}
	return r
}
