package access

import (
	"context"
	"time"
)

// Identity is who makes a request.
type Identity struct {
	Kind    string    `json:"kind"` // one of the Kind constants
	ID      string    `json:"id,omitempty"`
	Name    string    `json:"name,omitempty"`
	Scopes  Scopes    `json:"scopes"`
	Expires time.Time `json:"expires,omitzero"`
	quota
	Used *used `json:"used,omitempty"` // only where it is asked for

	credential *credential // of a token or user
	kubo       *kuboUser   // with that kind
}

// The kinds of Identity.
const (
	KindToken       = "token"
	KindUser        = "user"
	KindSettings    = "settings"    // the admin token of this peer's settings
	KindMetrics     = "metrics"     // the token for metrics of this peer's settings
	KindKubo        = "kubo"        // one of kubo's own authorizations
	KindCertificate = "certificate" // of a client, where nothing else is needed
	KindAnybody     = "anybody"     // where nothing is needed
)

type identityKey struct{}

// IdentityOf returns who makes the request of ctx, which a Guard has let in. It is the zero Identity for what everybody
// may ask.
func IdentityOf(ctx context.Context) Identity {
	who, _ := ctx.Value(identityKey{}).(Identity)
	return who
}

func identityOf(c *credential) Identity {
	who := Identity{Kind: KindUser, Name: c.Name, Scopes: c.Scopes, Expires: c.Expires, quota: c.quota, credential: c}
	if c.isToken() {
		who.Kind, who.ID = KindToken, c.id()
	}
	return who
}

// String names the identity in records of who did something.
func (i Identity) String() string {
	switch i.Kind {
	case KindToken:
		return i.Kind + " " + i.ID
	case KindUser, KindKubo:
		return i.Kind + " " + i.Name
	}
	return i.Kind
}

// May tells whether a request to a path with a need is allowed.
func (i Identity) May(path string, need Scopes) bool {
	if i.kubo != nil {
		return i.kubo.may(path)
	}
	if i.Kind == KindMetrics {
		return path == metricsPath || path == historyPath
	}
	return i.Scopes.allows(need)
}
