package access

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Scopes is a set of what somebody may do, or of what a request needs.
type Scopes uint8

const (
	// Read allows what changes nothing.
	Read Scopes = 1 << iota
	// Pin allows to pin and unpin. It includes Read.
	Pin
	// Add allows to add content, which pins it. It includes Read, and not Pin: who adds cannot unpin.
	Add
	// Admin allows everything.
	Admin
)

// scopeNames are in the order of the bits.
func scopeNames() []string { return []string{"read", "pin", "add", "admin"} }

// allows tells whether somebody with the scopes s may do what needs all of need.
func (s Scopes) allows(need Scopes) bool { return need&^s.full() == 0 }

// full is s with what its scopes include.
func (s Scopes) full() Scopes {
	switch {
	case s&Admin != 0:
		return Read | Pin | Add | Admin
	case s&(Pin|Add) != 0:
		return s | Read
	}
	return s
}

// names lists the scopes of the set.
func (s Scopes) names() []string {
	names := []string{}
	for i, name := range scopeNames() {
		if s&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return names
}

// String lists the scopes as people write them.
func (s Scopes) String() string { return strings.Join(s.names(), " and ") }

// MarshalJSON implements json.Marshaler: a list of names.
func (s Scopes) MarshalJSON() ([]byte, error) { return json.Marshal(s.names()) }

// UnmarshalJSON implements json.Unmarshaler.
func (s *Scopes) UnmarshalJSON(raw []byte) error {
	var names []string
	if err := json.Unmarshal(raw, &names); err != nil {
		return fmt.Errorf("scopes: must be a list of names: %w", err)
	}
	parsed, err := ParseScopes(names)
	*s = parsed
	return err
}

// ParseScopes makes a set of the names of scopes.
func ParseScopes(names []string) (Scopes, error) {
	var set Scopes
	for _, name := range names {
		bit := Scopes(0)
		for i, known := range scopeNames() {
			if name == known {
				bit = 1 << i
			}
		}
		if bit == 0 {
			return 0, fmt.Errorf("scopes: %q is none of %s", name, strings.Join(scopeNames(), ", "))
		}
		set |= bit
	}
	return set, nil
}
