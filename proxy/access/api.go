package access

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/underlay/underlay/consensus"
	"github.com/underlay/underlay/proxy/fault"
	"github.com/underlay/underlay/proxy/origin"
)

// maxBody bounds the body of a request to this API.
const maxBody = 64 << 10

// accessAPI is the API by which credentials are managed. What it needs of its callers stands in the table of routes.
type accessAPI struct{ guard *Guard }

func newAPI(g *Guard) http.Handler {
	a := accessAPI{g}
	mux := http.NewServeMux()
	allowed := make(map[string][]string) // methods by path
	for pattern, handle := range map[string]func(*http.Request) (int, any, error){
		"GET /access/self":           a.self,
		"POST /token":                a.issue,
		"GET /access/tokens":         a.list(tokenPlace),
		"POST /access/tokens":        a.makeToken,
		"GET /access/tokens/{id}":    a.get(tokenPlace),
		"PUT /access/tokens/{id}":    a.change(tokenPlace),
		"DELETE /access/tokens/{id}": a.remove(tokenPlace),
		"GET /access/users":          a.list(userPlace),
		"POST /access/users":         a.makeUser,
		"GET /access/users/{id}":     a.get(userPlace),
		"PUT /access/users/{id}":     a.change(userPlace),
		"DELETE /access/users/{id}":  a.remove(userPlace),
	} {
		mux.HandleFunc(pattern, answer(handle))
		method, place, _ := strings.Cut(pattern, " ")
		allowed[place] = append(allowed[place], method)
	}
	for place, methods := range allowed {
		slices.Sort(methods)
		mux.HandleFunc(place, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Allow", strings.Join(methods, ", "))
			Private(w, r, http.StatusMethodNotAllowed, "method "+r.Method+" not allowed")
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		Private(w, r, http.StatusNotFound, "not found")
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := origin.Check(r); err != nil {
			Private(w, r, http.StatusForbidden, err.Error())
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// answer makes a handler of what returns a status and what to answer with.
func answer(handle func(*http.Request) (int, any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		w.Header().Set("Cache-Control", "no-store")
		status, v, err := 0, any(nil), fault.CheckURL(r)
		if err == nil {
			status, v, err = handle(r)
		}
		switch {
		case err != nil:
			Dialect(Private).refuse(w, r, refusalOf(err))
		case v == nil:
			w.WriteHeader(status)
		default:
			writeJSON(w, status, v)
		}
	}
}

// refusalOf gives an error its status.
func refusalOf(err error) *refusal {
	if f, ok := errors.AsType[*refusal](err); ok {
		return f
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return refuse(http.StatusRequestEntityTooLarge, "the body has more than %d bytes", maxBody)
	}
	f := refuse(fault.Status(err), "%s", err)
	if f.status == http.StatusServiceUnavailable {
		f.wait = unavailableWait
	}
	return f
}

// shown is a credential as the API shows it.
type shown struct {
	ID        string    `json:"id,omitempty"`
	Name      string    `json:"name"`
	Scopes    Scopes    `json:"scopes"`
	Created   time.Time `json:"created"`
	CreatedBy string    `json:"created_by"`
	Expires   time.Time `json:"expires,omitzero"`
	Parent    string    `json:"parent,omitempty"`
	quota
	Used  *used  `json:"used,omitempty"`
	Token string `json:"token,omitempty"` // only once
}

// show describes a credential, with what it keeps as this peer has applied it.
func (a accessAPI) show(ctx context.Context, c *credential) (shown, error) {
	s := shown{Name: c.Name, Scopes: c.Scopes, Created: c.Created, CreatedBy: c.CreatedBy, Expires: c.Expires, quota: c.quota}
	if c.isToken() {
		s.ID = c.id()
	}
	if c.Parent != "" {
		s.Parent = (&credential{place: c.Parent}).String()
	}
	var err error
	s.Used, err = a.guard.registry.usage(consensus.WithStale(ctx), c)
	return s, err
}

func (a accessAPI) self(r *http.Request) (int, any, error) {
	who := IdentityOf(r.Context())
	if who.credential == nil {
		return http.StatusOK, who, nil
	}
	var err error
	who.Used, err = a.guard.registry.usage(r.Context(), who.credential)
	return http.StatusOK, who, err
}

func (a accessAPI) list(below string) func(*http.Request) (int, any, error) {
	return func(r *http.Request) (int, any, error) {
		b, err := a.guard.registry.ask(r.Context())
		if err != nil {
			return 0, nil, err
		}
		list := []shown{}
		for place := range b.places {
			c := b.at(place)
			if c == nil || !strings.HasPrefix(place, below) {
				continue
			}
			s, err := a.show(r.Context(), c)
			if err != nil {
				return 0, nil, err
			}
			list = append(list, s)
		}
		slices.SortFunc(list, func(x, y shown) int {
			if order := x.Created.Compare(y.Created); order != 0 {
				return order
			}
			return strings.Compare(x.ID+x.Name, y.ID+y.Name)
		})
		return http.StatusOK, list, nil
	}
}

func (a accessAPI) get(below string) func(*http.Request) (int, any, error) {
	return func(r *http.Request) (int, any, error) {
		b, err := a.guard.registry.ask(r.Context())
		if err != nil {
			return 0, nil, err
		}
		c := b.at(below + r.PathValue("id"))
		if c == nil {
			return 0, nil, noCredential(below, r.PathValue("id"))
		}
		s, err := a.show(r.Context(), c)
		return http.StatusOK, s, err
	}
}

func noCredential(below, id string) *refusal {
	return refuse(http.StatusNotFound, "there is no %s", &credential{place: below + id})
}

// decode reads a request's body.
func decode(r *http.Request, into any) error {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return refuse(http.StatusBadRequest, "the body: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return refuse(http.StatusBadRequest, "the body: must be one JSON object")
	}
	return nil
}

// wish is what a caller wants of a credential. Not every field is for every route.
type wish struct {
	Name     string    `json:"name"`
	Password string    `json:"password"`
	Scopes   *Scopes   `json:"scopes"`
	Expires  ending    `json:"expires"`
	ExpireIn *duration `json:"expire_in"`
	MaxPins  limit     `json:"max_pins"`
	MaxBytes limit     `json:"max_bytes"`
}

// ending is a time, or null for none.
type ending struct {
	given bool
	at    time.Time
}

// UnmarshalJSON implements json.Unmarshaler.
func (e *ending) UnmarshalJSON(raw []byte) error {
	e.given = true
	if err := json.Unmarshal(raw, &e.at); err != nil {
		return errors.New("expires: must be a time such as 2030-01-31T12:00:00Z")
	}
	return nil
}

// duration is one in Go's form.
type duration time.Duration

// UnmarshalJSON implements json.Unmarshaler.
func (d *duration) UnmarshalJSON(raw []byte) error {
	var text string
	err := json.Unmarshal(raw, &text)
	parsed, parseErr := time.ParseDuration(text)
	if err != nil || parseErr != nil || parsed <= 0 {
		return errors.New("expire_in: must be a duration above 0 such as 720h")
	}
	*d = duration(parsed)
	return nil
}

// apply puts what is wished into a record.
func (w wish) apply(r *record, now time.Time) error {
	if w.Scopes != nil {
		r.Scopes = *w.Scopes
	}
	if err := r.quota.apply(w.MaxPins, w.MaxBytes); err != nil {
		return err
	}
	switch {
	case w.Expires.given && w.ExpireIn != nil:
		return refuse(http.StatusBadRequest, "expires and expire_in exclude each other")
	case w.Expires.given:
		r.Expires = w.Expires.at
	case w.ExpireIn != nil:
		r.Expires = now.Add(time.Duration(*w.ExpireIn)).UTC().Truncate(time.Second)
	}
	switch {
	case r.Scopes == 0:
		return refuse(http.StatusBadRequest, "scopes: must name at least one of %s", strings.Join(scopeNames(), ", "))
	case r.expired(now):
		return refuse(http.StatusBadRequest, "expires: is in the past")
	}
	if w.Password != "" {
		hash, err := hashPassword(w.Password)
		if err != nil {
			return refuse(http.StatusBadRequest, "%s", err)
		}
		r.Hash = hash
	}
	return nil
}

// checkName refuses names that cannot be shown or sent.
func checkName(name, allowed string) error {
	strange := strings.ContainsFunc(name, func(c rune) bool {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		return !letter && !strings.ContainsRune(allowed, c)
	})
	if name == "" || len(name) > 64 || strange {
		return refuse(http.StatusBadRequest, "name: must be 1 to 64 letters, digits and %s", strings.Join(strings.Split(allowed, ""), " "))
	}
	return nil
}
