package policy

import (
	"iter"
	"strings"

	"github.com/ipfs/boxo/ipns"
	"github.com/ipfs/boxo/path"
	"github.com/ipfs/go-cid"
)

// subject is a content path in the one form that rules are written for.
type subject struct {
	namespace string
	root      string   // a CID, or a domain in lower case
	below     []string // the rest of the path
	cid       cid.Cid  // of root, undefined if that is a domain
	hashed    []digest
}

// newSubject takes a path apart. Unless ok, the path leads to nothing, and somebody else will say why.
func newSubject(p path.Path) (s *subject, ok bool) {
	segments := p.Segments()
	if len(segments) < 2 {
		return nil, false
	}
	s = &subject{namespace: segments[0], root: segments[1], below: segments[2:]}
	switch s.namespace {
	case path.IPFSNamespace, path.IPLDNamespace:
		c, err := cid.Decode(s.root)
		if err != nil {
			return nil, false
		}
		s.cid = c
	case path.IPNSNamespace:
		if name, err := ipns.NameFromString(s.root); err == nil {
			s.cid = name.Cid()
			s.root = name.String()
		} else if c, err := cid.Decode(s.root); err == nil {
			s.cid = c
		} else {
			s.root = strings.ToLower(strings.TrimSuffix(s.root, "."))
		}
	default:
		return nil, false
	}
	return s, true
}

// prefixes are the paths that a rule may name: the path itself and its root, and if it is deep all in between.
func (s *subject) prefixes(deep bool) iter.Seq[path.Path] {
	return func(yield func(path.Path) bool) {
		for n := len(s.below); n >= 0; n-- {
			if !deep && n != len(s.below) && n != 0 {
				continue
			}
			p, err := path.NewPathFromSegments(append([]string{s.namespace, s.root}, s.below[:n]...)...)
			if err == nil && !yield(p) {
				return
			}
		}
	}
}

// digests are the hashes of the path and of its root. They are made when they are needed first.
func (s *subject) digests() []digest {
	if s.hashed != nil {
		return s.hashed
	}
	of := func(below string) []digest { return digestsOfDomain(s.root, below) }
	if s.cid.Defined() {
		of = func(below string) []digest { return digestsOf(s.cid, below) }
	}
	s.hashed = of("")
	if len(s.below) > 0 {
		s.hashed = append(s.hashed, of(strings.Join(s.below, "/"))...)
	}
	return s.hashed
}
