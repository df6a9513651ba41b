package access

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/underlay/underlay/consensus"
)

const (
	// issuedFor is how long a token of POST /token lives.
	issuedFor = time.Hour
	// issuedMost bounds those of one credential.
	issuedMost = 100
	// mostCredentials bounds all of them.
	mostCredentials = 10_000
	// keptFor is how long a credential that has expired is still listed. It covers clocks that are wrong.
	keptFor = 24 * time.Hour
	// sweptAtOnce bounds how many are removed with one change.
	sweptAtOnce = 100
)

func (a accessAPI) makeToken(r *http.Request) (int, any, error) {
	var w wish
	if err := decode(r, &w); err != nil {
		return 0, nil, err
	}
	if err := checkName(w.Name, " ._-@:/+"); err != nil {
		return 0, nil, err
	}
	if w.Password != "" {
		return 0, nil, refuse(http.StatusBadRequest, "password: a token has none")
	}
	c, secret := a.freshToken(r, w.Name)
	if err := w.apply(&c.record, a.guard.now()); err != nil {
		return 0, nil, err
	}
	if err := a.add(r.Context(), c); err != nil {
		return 0, nil, err
	}
	s, err := a.show(r.Context(), c)
	s.Token = secret
	return http.StatusCreated, s, err
}

func (a accessAPI) freshToken(r *http.Request, name string) (*credential, string) {
	secret := newToken()
	hash := hashSecret(secret)
	return &credential{place: tokenPlace + idOf(hash), record: record{
		Name: name, Hash: hash, Created: a.stamp(), CreatedBy: IdentityOf(r.Context()).String(),
	}}, secret
}

func (a accessAPI) stamp() time.Time { return a.guard.now().UTC().Truncate(time.Millisecond) }

func (a accessAPI) makeUser(r *http.Request) (int, any, error) {
	var w wish
	if err := decode(r, &w); err != nil {
		return 0, nil, err
	}
	if err := checkName(w.Name, "._-@"); err != nil {
		return 0, nil, err
	}
	if w.Password == "" {
		return 0, nil, refuse(http.StatusBadRequest, "password: must not be empty")
	}
	c := &credential{place: userPlace + w.Name, record: record{
		Name: w.Name, Created: a.stamp(), CreatedBy: IdentityOf(r.Context()).String(),
	}}
	if err := w.apply(&c.record, a.guard.now()); err != nil {
		return 0, nil, err
	}
	if err := a.add(r.Context(), c); err != nil {
		return 0, nil, err
	}
	s, err := a.show(r.Context(), c)
	return http.StatusCreated, s, err
}

// add commits a new credential.
func (a accessAPI) add(ctx context.Context, c *credential) error {
	return a.guard.registry.change(ctx, func(b *book) ([]consensus.Op, error) {
		terms := a.guard.terms.Load()
		first := !b.exists && terms.open && terms.admin == nil && len(a.guard.kubo) == 0
		switch {
		case b.places[c.place] != nil:
			return nil, refuse(http.StatusConflict, "there is a %s already", c)
		case first && !c.Scopes.allows(Admin):
			return nil, refuse(http.StatusBadRequest, "scopes: the first credential must have admin, or nobody could make the next")
		case len(b.places) >= mostCredentials:
			return nil, refuse(http.StatusInsufficientStorage, "there are %d credentials, which is the most", mostCredentials)
		}
		op, err := c.value()
		if err != nil {
			return nil, err
		}
		return append(a.sweep(b), op), nil
	})
}

// sweep removes credentials that have expired long ago.
func (a accessAPI) sweep(b *book) (ops []consensus.Op) {
	for place, c := range b.places {
		if len(ops) < sweptAtOnce && c.expired(a.guard.now().Add(-keptFor)) {
			ops = append(ops, consensus.DelValueOp(place))
		}
	}
	return ops
}

// issue is IPFS Cluster's way to get a token.
func (a accessAPI) issue(r *http.Request) (int, any, error) {
	who := IdentityOf(r.Context())
	parent := who.credential
	if parent == nil {
		return 0, nil, refuse(http.StatusForbidden, "a token is only for a user or the holder of another token; this is %s", who)
	}
	for parent.Parent != "" {
		parent = a.guard.registry.here().places[parent.Parent]
		if parent == nil {
			return 0, nil, refuse(http.StatusUnauthorized, "%s was revoked", who)
		}
	}
	c, secret := a.freshToken(r, "of "+parent.String())
	c.Scopes, c.Parent, c.ParentHash = parent.Scopes, parent.place, parent.Hash
	c.Expires = a.stamp().Add(issuedFor)
	err := a.guard.registry.change(r.Context(), func(b *book) ([]consensus.Op, error) {
		living := 0
		for _, other := range b.places {
			if other.Parent == parent.place && !other.expired(a.guard.now()) {
				living++
			}
		}
		if living >= issuedMost {
			f := refuse(http.StatusTooManyRequests, "%s has %d tokens of this kind already", parent, living)
			f.wait = issuedFor / issuedMost
			return nil, f
		}
		op, err := c.value()
		if err != nil {
			return nil, err
		}
		return append(a.sweep(b), op), nil
	})
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, map[string]string{"token": secret}, nil
}

// change puts what is given into a credential.
func (a accessAPI) change(below string) func(*http.Request) (int, any, error) {
	return func(r *http.Request) (int, any, error) {
		var w wish
		if err := decode(r, &w); err != nil {
			return 0, nil, err
		}
		if err := w.checkChange(below, r.PathValue("id")); err != nil {
			return 0, nil, err
		}
		changed, err := a.changeTo(r, below, w)
		if err != nil {
			return 0, nil, err
		}
		s, err := a.show(r.Context(), changed)
		return http.StatusOK, s, err
	}
}

// checkChange refuses what cannot be changed.
func (w wish) checkChange(below, id string) error {
	switch {
	case below == userPlace && w.Name != "" && w.Name != id:
		return refuse(http.StatusBadRequest, "name: a user cannot be called otherwise")
	case below == tokenPlace && w.Password != "":
		return refuse(http.StatusBadRequest, "password: a token has none")
	case below == tokenPlace && w.Name != "":
		return refuse(http.StatusBadRequest, "name: a token keeps its own")
	}
	return nil
}

func (a accessAPI) changeTo(r *http.Request, below string, w wish) (changed *credential, err error) {
	id := r.PathValue("id")
	err = a.guard.registry.change(r.Context(), func(b *book) ([]consensus.Op, error) {
		old := b.places[below+id]
		switch {
		case old == nil:
			return nil, noCredential(below, id)
		case old.Parent != "":
			return nil, refuse(http.StatusConflict, "%s is what %s makes it, and cannot be changed by itself", old, &credential{place: old.Parent})
		}
		next := *old
		if err := w.apply(&next.record, a.guard.now()); err != nil {
			return nil, err
		}
		changed = &next
		if !next.Scopes.allows(Admin) {
			if err := a.mayLose(b, old, r); err != nil {
				return nil, err
			}
		}
		op, err := next.value()
		return []consensus.Op{op}, err
	})
	return changed, err
}

func (a accessAPI) remove(below string) func(*http.Request) (int, any, error) {
	return func(r *http.Request) (int, any, error) {
		place, absent := below+r.PathValue("id"), false
		err := a.guard.registry.change(r.Context(), func(b *book) ([]consensus.Op, error) {
			c := b.places[place]
			if absent = c == nil; absent {
				// An earlier attempt may have removed it without an answer: what is told now must hold everywhere too.
				return nil, nil
			}
			if err := a.mayLose(b, c, r); err != nil {
				return nil, err
			}
			ops := []consensus.Op{consensus.DelValueOp(place)}
			for child, c := range b.places {
				if c.Parent == place && len(ops) < sweptAtOnce {
					ops = append(ops, consensus.DelValueOp(child))
				}
			}
			return ops, nil
		})
		switch {
		case err != nil:
			return 0, nil, err
		case absent:
			return 0, nil, noCredential(below, r.PathValue("id"))
		}
		return http.StatusNoContent, nil, nil
	}
}

// mayLose refuses to give up the last credential that may administer.
func (a accessAPI) mayLose(b *book, c *credential, r *http.Request) error {
	if force, _ := strconv.ParseBool(r.URL.Query().Get("force")); force || a.guard.terms.Load().admin != nil || c.Parent != "" {
		return nil
	}
	now := a.guard.now()
	if !c.Scopes.allows(Admin) || c.expired(now) || b.admins(now, c.place) {
		return nil
	}
	return refuse(http.StatusConflict, "%s is the last that may administer; force=true gives it up nevertheless", c)
}
