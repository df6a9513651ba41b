package access

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/underlay/underlay/consensus"
)

// Where the credentials are among the values of the cluster.
const (
	space       = "access"
	prefix      = space + "/"
	tokenPlace  = prefix + "token/" // before the ID of a token
	userPlace   = prefix + "user/"  // before the name of a user
	changePlace = prefix + "change" // set with every change, so that changes are made one after the other
)

// version of the records.
const version = 1

// record is a token or a user, as the cluster remembers it.
type record struct {
	Version   int       `json:"version"`
	Name      string    `json:"name"`
	Scopes    Scopes    `json:"scopes"`
	Hash      []byte    `json:"hash"` // SHA-256 of a token, bcrypt of a password
	Created   time.Time `json:"created"`
	CreatedBy string    `json:"created_by"`
	Expires   time.Time `json:"expires,omitzero"`
	Parent    string    `json:"parent,omitempty"` // the place of the credential that a token came from, and falls with
	// ParentHash is what the parent's hash was: with another password the token is void.
	ParentHash []byte `json:"parent_hash,omitempty"`
	quota
}

// credential is a record and where it is.
type credential struct {
	record
	place string
}

func (c *credential) isToken() bool { return strings.HasPrefix(c.place, tokenPlace) }

// id is the ID of a token, the name of a user.
func (c *credential) id() string {
	if c.isToken() {
		return strings.TrimPrefix(c.place, tokenPlace)
	}
	return strings.TrimPrefix(c.place, userPlace)
}

func (c *credential) String() string {
	if c.isToken() {
		return "token " + c.id()
	}
	return "user " + c.id()
}

func (r *record) expired(now time.Time) bool {
	return !r.Expires.IsZero() && !now.Before(r.Expires)
}

// value is the operation that stores the credential.
func (c *credential) value() (consensus.Op, error) {
	c.Version = version
	data, err := json.Marshal(c.record)
	if err != nil {
		return consensus.Op{}, fmt.Errorf("encode %s: %w", c, err)
	}
	return consensus.SetValueOp(c.place, data), nil
}

// book is all credentials of the cluster at one moment. It never changes.
type book struct {
	places   map[string]*credential
	exists   bool   // there is one, be it one that cannot be read
	revision uint64 // of changePlace
}

// newBook reads the values of the cluster. Those that this build cannot read are returned as faults: nobody is let in by
// them, and nobody without a credential because of them.
func newBook(values []consensus.Value) (*book, []error) {
	b := &book{places: make(map[string]*credential)}
	var faults []error
	for _, v := range values {
		if v.Key == changePlace {
			b.revision = v.Revision
			continue
		}
		b.exists = true
		c := &credential{place: v.Key}
		if err := json.Unmarshal(v.Data, &c.record); err != nil {
			faults = append(faults, fmt.Errorf("credential %s cannot be read: %w", v.Key, err))
		} else if c.Version != version {
			faults = append(faults, fmt.Errorf("credential %s is of version %d, which this build does not know", v.Key, c.Version))
		} else {
			b.places[v.Key] = c
		}
	}
	return b, faults
}

// at returns the credential in a place with the scopes and the end that it has through its parent, or nil.
func (b *book) at(place string) *credential {
	c := b.places[place]
	if c == nil || c.Parent == "" {
		return c
	}
	parent := b.places[c.Parent]
	if parent == nil || string(parent.Hash) != string(c.ParentHash) {
		return nil
	}
	child := *c
	child.Scopes = child.Scopes.full() & parent.Scopes.full()
	child.quota = parent.quota
	if !parent.Expires.IsZero() && (child.Expires.IsZero() || parent.Expires.Before(child.Expires)) {
		child.Expires = parent.Expires
	}
	return &child
}

// admins tells whether somebody is left who may administer, with a credential that does not end by itself with another.
func (b *book) admins(now time.Time, without string) bool {
	for place, c := range b.places {
		if place != without && c.Parent == "" && c.Scopes.allows(Admin) && !c.expired(now) {
			return true
		}
	}
	return false
}
