package policy

import (
	boxo "github.com/ipfs/boxo/gateway"
)

// Denied is the error of content that a rule denies.
type Denied struct {
	What string // a path or a CID
	Verdict
}

// Error says no more than the public may know. Boxo's gateway takes an error with these words for one of denied content,
// also where it was wrapped so that only its words are left.
func (d *Denied) Error() string { return d.What + " is blocked and cannot be provided" }

// refuse is the error for what a verdict denies, nil if it does not.
func (p *Policy) refuse(what string, v Verdict) error {
	if !v.Denied {
		return nil
	}
	p.refusals.Add(1)
	return boxo.NewErrorStatusCode(&Denied{What: what, Verdict: v}, v.Status)
}
