package policy

import (
	"bytes"
	"crypto/sha256"
	"slices"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multibase"
)

// digest is the SHA-256 of a text that names something.
type digest [sha256.Size]byte

// hashes are sorted digests.
type hashes []digest

func compare(a, b digest) int { return bytes.Compare(a[:], b[:]) }

func (h *hashes) sort() {
	slices.SortFunc(*h, compare)
	*h = slices.Clip(slices.Compact(*h))
}

func (h hashes) has(d digest) bool {
	_, found := slices.BinarySearchFunc(h, d, compare)
	return found
}

// digestsOf hashes the two texts by which double hashes know a path below a CID: the CID in base 32 before a slash and
// the path, which is the older one, and the multihash in base 58.
func digestsOf(c cid.Cid, below string) []digest {
	older, newer := base32(c)+"/"+below, c.Hash().B58String()
	if below != "" {
		newer += "/" + below
	}
	return []digest{sha256.Sum256([]byte(older)), sha256.Sum256([]byte(newer))}
}

func base32(c cid.Cid) string {
	// The only fault would be a base that there is not.
	text, _ := cid.NewCidV1(c.Type(), c.Hash()).StringOfBase(multibase.Base32)
	return text
}

// digestsOfDomain does the same for a path below a domain.
func digestsOfDomain(domain, below string) []digest {
	newer := "/ipns/" + domain
	if below != "" {
		newer += "/" + below
	}
	return []digest{sha256.Sum256([]byte(domain + "/" + below)), sha256.Sum256([]byte(newer))}
}
