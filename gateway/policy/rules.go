package policy

import (
	"github.com/ipfs/boxo/path"
	"github.com/ipfs/go-cid"
)

// Verdict is what the lists say about something. The zero value says that it may be served.
type Verdict struct {
	Denied bool
	Status int    // 410, or 451 when the law demands it
	List   string // that has the rule
	Rule   string // as it is written there
}

// rules are all lists at one moment. They never change.
type rules struct {
	lists      []*list // those before have the last word
	status     int     // for what is denied by lists that ask for none
	generation uint64
	paths      recent // that are not denied
	blocks     recent // likewise
}

// path judges a content path, which is denied when its root is.
func (r *rules) path(p path.Path) Verdict {
	if len(r.lists) == 0 {
		return Verdict{}
	}
	text := p.String()
	if r.paths.has(text) {
		return Verdict{}
	}
	s, ok := newSubject(p)
	if !ok {
		return Verdict{}
	}
	for _, l := range r.lists {
		if v, ok := l.path(s); ok {
			if !v.Denied {
				break
			}
			return r.complete(v)
		}
	}
	r.paths.add(text)
	return Verdict{}
}

// block judges a block, whatever it is reached by.
func (r *rules) block(c cid.Cid) Verdict {
	if len(r.lists) == 0 || r.blocks.has(c.KeyString()) {
		return Verdict{}
	}
	var hashed []digest
	digests := func() []digest {
		if hashed == nil {
			hashed = digestsOf(c, "")
		}
		return hashed
	}
	for _, l := range r.lists {
		if v, ok := l.block(c, digests); ok {
			if !v.Denied {
				break
			}
			return r.complete(v)
		}
	}
	r.blocks.add(c.KeyString())
	return Verdict{}
}

func (r *rules) complete(v Verdict) Verdict {
	if v.Status == 0 {
		v.Status = r.status
	}
	return v
}
