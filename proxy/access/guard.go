package access

import (
	"context"
	"crypto/subtle"
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	kuboconfig "github.com/ipfs/kubo/config"
)

// peerHeader names the peer that gives an answer, in every answer to one of kubo's commands.
const peerHeader = "X-Underlay-Peer"

// Options configure a Guard. Registry is required.
type Options struct {
	Registry *Registry
	Kubo     map[string]*kuboconfig.RPCAuthScope // kubo's own authorizations
	Terms
	Logger *slog.Logger
}

// Terms are what the settings of this peer say about who may pass.
type Terms struct {
	AdminToken string // may do everything on this peer; empty: there is none
	// MetricsToken may read the metrics of this peer, and nothing else. Like AdminToken it needs no quorum; empty: there is none.
	MetricsToken string
	// Open says that whoever reaches this peer may do everything as long as there is no credential at all.
	Open bool
}

// terms are those that hold now.
type terms struct {
	admin   []byte // hash of the admin token, nil if there is none
	metrics []byte // likewise of the token for metrics
	open    bool
}

// Guard lets the requests through to the private APIs that may pass. Any number of goroutines may use it.
type Guard struct {
	registry  *Registry
	kubo      []kuboUser
	terms     atomic.Pointer[terms]
	logger    *slog.Logger
	now       func() time.Time
	needs     *needs
	passwords *passwords
	attempts  *attempts
	api       http.Handler
}

// New makes a guard.
func New(o Options) *Guard {
	g := &Guard{
		registry: o.Registry, kubo: newKuboUsers(o.Kubo), logger: o.Logger, now: time.Now,
		needs: newNeeds(), passwords: newPasswords(), attempts: newAttempts(time.Now),
	}
	g.Use(o.Terms)
	g.api = newAPI(g)
	return g
}

// Use makes other terms hold for the requests that come from now on.
func (g *Guard) Use(t Terms) {
	now := &terms{open: t.Open}
	if t.AdminToken != "" {
		now.admin = hashSecret(t.AdminToken)
	}
	if t.MetricsToken != "" {
		now.metrics = hashSecret(t.MetricsToken)
	}
	g.terms.Store(now)
}

// Configured tells whether there is any credential, as far as this peer knows.
func (g *Guard) Configured() bool {
	return g.terms.Load().admin != nil || g.remembered()
}

// remembered tells whether there is a credential beyond the terms.
func (g *Guard) remembered() bool { return len(g.kubo) > 0 || g.registry.here().exists }

// Closed tells that nobody could get in under these terms, as far as this peer knows: there is no credential, and one is needed.
func (g *Guard) Closed(t Terms) bool { return !t.Open && t.AdminToken == "" && !g.remembered() }

// Wrap lets what may pass go on to next, without its credential, and answers the rest as dialect says. It also serves the
// API by which credentials are managed.
func (g *Guard) Wrap(next http.Handler, dialect Dialect) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		need, _ := g.needs.of(r)
		if need == open || g.preflight(r) {
			next.ServeHTTP(w, r)
			return
		}
		who, fault := g.admit(r, need)
		if fault != nil {
			if strings.HasPrefix(r.URL.Path, apiPath) {
				w.Header().Set(peerHeader, g.registry.peers.ID().String())
			}
			dialect.refuse(w, r, fault)
			return
		}
		r = passedOn(r.WithContext(context.WithValue(r.Context(), identityKey{}, who)))
		switch {
		case r.URL.Path == "/token" || strings.HasPrefix(r.URL.Path, "/access/"):
			g.api.ServeHTTP(w, r)
		case who.credential != nil:
			g.serve(next, w, r, who.credential, need)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// passedOn is the request without its credential.
func passedOn(r *http.Request) *http.Request {
	if r.Header.Get("Authorization") != "" {
		r.Header = maps.Clone(r.Header)
		r.Header.Del("Authorization")
	}
	return r
}

// serve answers what a token or user was let in for, as long as it holds. After that the connection is broken: what was
// written so far must not look complete.
func (g *Guard) serve(next http.Handler, w http.ResponseWriter, r *http.Request, c *credential, need Scopes) {
	r = counted(r, c)
	ctx, end := g.registry.begin(r.Context(), c, need, endless(r))
	defer func() {
		if end() {
			panic(http.ErrAbortHandler)
		}
	}()
	next.ServeHTTP(w, r.WithContext(ctx))
}

// Needs tells what a request needs, and whether that stands in a table; what does not needs Admin.
func (g *Guard) Needs(r *http.Request) (need Scopes, known bool) { return g.needs.of(r) }

// preflight tells whether a request only asks for a browser, which sends no credentials with it, whether it may ask. Kubo
// refuses even that once it has authorizations.
func (g *Guard) preflight(r *http.Request) bool {
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	return len(g.kubo) == 0 || !strings.HasPrefix(r.URL.Path, apiPath)
}

// admit finds out who makes a request, and whether they may.
func (g *Guard) admit(r *http.Request, need Scopes) (Identity, *refusal) {
	who, fault := g.identify(r)
	if fault == nil && !who.May(r.URL.Path, need) {
		if who.kubo == nil {
			return who, refuse(http.StatusForbidden, "%s lacks the scope that this needs: %s", who, need)
		}
		fault = refuse(http.StatusForbidden, "kubo's API.Authorizations do not allow this path to %s", who.Name)
	}
	denied := fault != nil && (fault.status == http.StatusUnauthorized || fault.status == http.StatusForbidden)
	if denied && len(g.kubo) > 0 && strings.HasPrefix(r.URL.Path, apiPath) {
		fault = &refusal{status: http.StatusForbidden, text: kuboRefusal, kubo: true}
	}
	return who, fault
}

// identify finds out who makes a request.
func (g *Guard) identify(r *http.Request) (Identity, *refusal) {
	terms := g.terms.Load()
	if terms.open && !g.Configured() {
		who := Identity{Kind: KindAnybody, Scopes: Admin}
		if r.TLS != nil && len(r.TLS.VerifiedChains) > 0 {
			who.Kind, who.Name = KindCertificate, r.TLS.PeerCertificates[0].Subject.CommonName
		}
		return who, nil
	}
	header := r.Header.Get("Authorization")
	if header == "" {
		return Identity{}, refuse(http.StatusUnauthorized, "this needs a credential: a token (Authorization: Bearer), or a user and password (basic auth)")
	}
	if u := kuboUserOf(g.kubo, header); u != nil {
		return Identity{Kind: KindKubo, Name: u.name, kubo: u}, nil
	}
	user, secret, basic := r.BasicAuth()
	if !basic {
		scheme, rest, _ := strings.Cut(header, " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return Identity{}, refuse(http.StatusUnauthorized, "the header Authorization must have the scheme Bearer or Basic")
		}
		secret = strings.TrimSpace(rest)
	}
	if terms.admin != nil && subtle.ConstantTimeCompare(terms.admin, hashSecret(secret)) == 1 {
		return Identity{Kind: KindSettings, Scopes: Admin}, nil
	}
	if terms.metrics != nil && subtle.ConstantTimeCompare(terms.metrics, hashSecret(secret)) == 1 {
		return Identity{Kind: KindMetrics}, nil
	}
	if basic && !looksLikeToken(secret) {
		return g.user(r, user, secret)
	}
	return g.token(r, secret)
}

// token finds the token with a secret.
func (g *Guard) token(r *http.Request, secret string) (Identity, *refusal) {
	b, err := g.registry.current(r.Context())
	if err != nil {
		return Identity{}, unavailable(err)
	}
	hash := hashSecret(secret)
	c := b.at(tokenPlace + idOf(hash))
	if c == nil || subtle.ConstantTimeCompare(c.Hash, hash) != 1 {
		return Identity{}, g.failed(r)
	}
	return g.valid(c)
}

// user finds the user with a name and a password.
func (g *Guard) user(r *http.Request, name, password string) (Identity, *refusal) {
	b, err := g.registry.current(r.Context())
	if err != nil {
		return Identity{}, unavailable(err)
	}
	var hash []byte
	c := b.at(userPlace + name)
	if c != nil {
		hash = c.Hash
	}
	mark := g.passwords.mark(name, hash, password)
	if c != nil && g.passwords.remembered(mark, g.now()) {
		return g.valid(c)
	}
	sender := client{addressOf(r), "password"}
	var wait time.Duration
	var begins bool
	found := g.passwords.verify(mark, hash, password, func() bool {
		wait, begins = g.attempts.take(sender)
		return wait == 0
	})
	switch found {
	case unchecked:
		return Identity{}, tooMany(max(wait, attemptPause))
	case wrong:
		g.note(r, begins, sender)
		return Identity{}, refuse(http.StatusUnauthorized, "the user or the password is wrong")
	}
	g.attempts.giveBack(sender)
	return g.valid(c)
}

// valid checks the end of a credential whose secret was right.
func (g *Guard) valid(c *credential) (Identity, *refusal) {
	if c.expired(g.now()) {
		return Identity{}, refuse(http.StatusUnauthorized, "%s has expired at %s", c, c.Expires.Format(time.RFC3339))
	}
	return identityOf(c), nil
}

// failed counts a wrong token.
func (g *Guard) failed(r *http.Request) *refusal {
	sender := client{addressOf(r), "token"}
	wait, begins := g.attempts.take(sender)
	if wait > 0 {
		return tooMany(wait)
	}
	g.note(r, begins, sender)
	return refuse(http.StatusUnauthorized, "the token is unknown or was revoked")
}

// note logs the first wrong credential of a burst.
func (g *Guard) note(r *http.Request, begins bool, sender client) {
	if begins {
		g.logger.Warn("a wrong credential was refused; further ones are not logged until the client pauses",
			"client", sender.addr, "kind", sender.kind, "method", r.Method, "path", r.URL.Path)
	}
}
