package rest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/underlay/underlay/internal/denial"
	"github.com/underlay/underlay/proxy/access"
	"github.com/underlay/underlay/proxy/fault"
)

// Denylist is the cluster's list of what the public must not get. Its errors know their status.
type Denylist interface {
	List(ctx context.Context) ([]denial.Rule, error)
	Add(ctx context.Context, r denial.Rule) (denial.Rule, error)
	Remove(ctx context.Context, rule string) error
}

// denyBytes bounds the body of a request for a rule.
const denyBytes = 64 << 10

// denied answers GET /deny with all rules.
func (a *handlers) denied(w http.ResponseWriter, r *http.Request) {
	rules, err := a.Denylist.List(r.Context())
	a.reply(w, r, append([]denial.Rule{}, rules...), err)
}

// deny makes a rule: POST /deny with what the caller may say of it.
func (a *handlers) deny(w http.ResponseWriter, r *http.Request) {
	var wish struct {
		Rule   string `json:"rule"`
		Status int    `json:"status"`
		Reason string `json:"reason"`
	}
	body := json.NewDecoder(http.MaxBytesReader(w, r.Body, denyBytes))
	body.DisallowUnknownFields()
	if err := body.Decode(&wish); err != nil {
		a.fail(w, r, fault.With(http.StatusBadRequest, fmt.Errorf("read the rule: %w", err)))
		return
	}
	made, err := a.Denylist.Add(r.Context(), denial.Rule{
		Rule: wish.Rule, Status: wish.Status, Reason: wish.Reason,
		By: access.IdentityOf(r.Context()).String(), At: time.Now().UTC().Truncate(time.Millisecond),
	})
	if err != nil {
		a.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusCreated, made)
}

// allow takes a rule back: DELETE /deny?rule=RULE.
func (a *handlers) allow(w http.ResponseWriter, r *http.Request) {
	if err := a.Denylist.Remove(r.Context(), r.URL.Query().Get("rule")); err != nil {
		a.fail(w, r, err)
		return
	}
	writeEmpty(w)
}
