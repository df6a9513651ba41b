package genesis

import (
	"fmt"
	"slices"

	"github.com/libp2p/go-libp2p/core/peer"
)

// Set is the first members of a cluster, in the order of their IDs and each once.
type Set []peer.ID

// NewSet puts members into their order.
func NewSet(members []peer.ID) Set {
	set := slices.Clone(members)
	slices.Sort(set)
	return slices.Compact(set)
}

// Has tells whether a peer is in the set.
func (s Set) Has(id peer.ID) bool { return slices.Contains(s, id) }

// Equal tells whether both are the same set.
func (s Set) Equal(other Set) bool { return slices.Equal(s, other) }

// before is the order of the sets: any will do, if it is the same everywhere.
func (s Set) before(other Set) bool { return slices.Compare(s, other) < 0 }

func parse(texts []string) (Set, error) {
	members := make([]peer.ID, len(texts))
	for i, text := range texts {
		var err error
		if members[i], err = peer.Decode(text); err != nil {
			return nil, fmt.Errorf("member %q: %w", text, err)
		}
	}
	return NewSet(members), nil
}

func (s Set) texts() []string {
	texts := make([]string, len(s))
	for i, id := range s {
		texts[i] = id.String()
	}
	return texts
}
