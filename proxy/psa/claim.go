package psa

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs-cluster/ipfs-cluster/state"

	"github.com/underlay/underlay/consensus"
)

// claim is what the service has on one CID. Every request for the CID that comes or goes changes it, so that of changes
// at the same time each sees the others.
type claim struct {
	requests uint64 // how many want the CID
	// made is the revision of the pin that the service made. It tells whether the pin is still that one: whoever pins the
	// CID again through another API gives the pin another revision. Where the cluster itself writes the pin anew, this
	// follows; see CarryClaim.
	made uint64

	revision uint64 // 0: there is no claim
}

// How the revision of the pin stands in a claim that is made together with it: as one that is not known yet.
const (
	claimVersion = 1
	madeWithIt   = ^uint64(0)
)

func claimKey(c api.Cid) string { return claimSpace + c.String() }

func (c claim) encode() []byte {
	b := binary.AppendUvarint([]byte{claimVersion}, c.requests)
	return binary.AppendUvarint(b, c.made)
}

func decodeClaim(v consensus.Value) (claim, error) {
	c := claim{revision: v.Revision}
	if len(v.Data) == 0 || v.Data[0] != claimVersion {
		return c, fmt.Errorf("decode claim %s: version of %x is unknown to this program", v.Key, v.Data)
	}
	b := v.Data[1:]
	for _, field := range []*uint64{&c.requests, &c.made} {
		n, size := binary.Uvarint(b)
		if size <= 0 {
			return c, fmt.Errorf("decode claim %s: %w: %w", v.Key, consensus.ErrCorrupt, errShort)
		}
		*field, b = n, b[size:]
	}
	if c.made == madeWithIt {
		c.made = v.Revision
	}
	return c, nil
}

// CarryClaim returns what has to be committed in one step with a pin that the cluster writes anew, for other holders: if
// the pin of that revision is one that a service has made, it stays the service's. value reads the replicated state, as of
// when it is decided to write the pin.
func CarryClaim(ctx context.Context, value reader, c api.Cid, revision uint64) ([]consensus.Op, error) {
	found, err := readClaim(ctx, value, c)
	if err != nil || found.made != revision {
		return nil, err
	}
	found.made = madeWithIt
	return []consensus.Op{consensus.SetValueOp(claimKey(c), found.encode()).IfRevision(found.revision)}, nil
}

// reader returns the value of a key.
type reader = func(ctx context.Context, key string) (consensus.Value, error)

// readClaim returns an empty claim when there is none.
func readClaim(ctx context.Context, value reader, c api.Cid) (claim, error) {
	v, err := value(ctx, claimKey(c))
	if errors.Is(err, state.ErrNotFound) {
		return claim{}, nil
	}
	if err != nil {
		return claim{}, err
	}
	return decodeClaim(v)
}
