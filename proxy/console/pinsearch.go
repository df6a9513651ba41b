package console

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"

	"github.com/underlay/underlay/proxy/fault"
)

const pinsRoot = Root + "pins"

// pinSearch is what somebody looks for among the pins, as the address of the page has it.
type pinSearch struct {
	CID   string // or a path or an address with one
	Name  string // what the name begins with
	Meta  string // KEY=VALUE, or KEY alone
	State string // one of pinFilters
	// After and Before are cursors: the page has the pins behind the one, or before the other.
	After, Before string
}

// pinFilter is a state by which pins can be chosen.
type pinFilter struct {
	Value, Title string
	// unfinished is what some peer has to be at, or 0 if the pin must be none that a peer is at.
	unfinished api.TrackerStatus
}

const heldFilter = "held"

func pinFilters() []pinFilter {
	const waiting, fetching, failed = api.TrackerStatusPinQueued, api.TrackerStatusPinning, api.TrackerStatusPinError
	return []pinFilter{
		{"", "any", 0},
		{heldFilter, "held", 0},
		{"unfinished", "not held everywhere yet", waiting | fetching | failed},
		{"waiting", "waits on some peer", waiting},
		{"fetching", "being fetched by some peer", fetching},
		{"error", "in error on some peer", failed},
	}
}

func readSearch(q url.Values) pinSearch {
	return pinSearch{
		CID: strings.TrimSpace(q.Get("cid")), Name: q.Get("name"), Meta: strings.TrimSpace(q.Get("meta")), State: q.Get("state"),
		After: q.Get("after"), Before: q.Get("before"),
	}
}

// filter finds the filter that is asked for.
func (s pinSearch) filter() (pinFilter, error) {
	for _, f := range pinFilters() {
		if f.Value == s.State {
			return f, nil
		}
	}
	return pinFilter{}, badRequest("there is no state %q", s.State)
}

// meta splits what the metadata must have. Without a value any will do.
func (s pinSearch) meta() (key, value string, err error) {
	key, value, _ = strings.Cut(s.Meta, "=")
	if s.Meta != "" && key == "" {
		return "", "", badRequest("%q has no key before the equals sign", s.Meta)
	}
	return key, value, nil
}

// url is the address of a page of what is looked for.
func (s pinSearch) url() string {
	q := make(url.Values)
	for key, value := range map[string]string{
		"cid": s.CID, "name": s.Name, "meta": s.Meta, "state": s.State, "after": s.After, "before": s.Before,
	} {
		if value != "" {
			q.Set(key, value)
		}
	}
	if len(q) == 0 {
		return pinsRoot
	}
	return pinsRoot + "?" + q.Encode()
}

// at is the same search at another page.
func (s pinSearch) at(after, before string) string {
	s.After, s.Before = after, before
	return s.url()
}

// findCID finds the CID in what somebody has pasted: it alone, a path, or the address of a gateway.
func findCID(text string) (api.Cid, error) {
	found := text
	u, err := url.Parse(text)
	switch {
	case err != nil:
	case u.Scheme == "ipfs":
		found = u.Host
	case u.Host != "" && strings.HasPrefix(u.Path, "/ipfs/"), u.Scheme == "" && strings.HasPrefix(u.Path, "/ipfs/"):
		found, _, _ = strings.Cut(strings.TrimPrefix(u.Path, "/ipfs/"), "/")
	case u.Host != "":
		if label, rest, _ := strings.Cut(u.Host, "."); strings.HasPrefix(rest, "ipfs.") {
			found = label
		}
	}
	c, err := api.DecodeCid(found)
	if err != nil {
		return c, badRequest("there is no CID in %q", text)
	}
	return c, nil
}

// otherVersion is the same content under a CID of the other version, if it has one.
func otherVersion(c api.Cid) (other api.Cid, ok bool) {
	prefix := c.Prefix()
	switch {
	case prefix.Version == 0:
		return api.NewCid(cid.NewCidV1(cid.DagProtobuf, c.Hash())), true
	case prefix.Codec == cid.DagProtobuf && prefix.MhType == multihash.SHA2_256 && prefix.MhLength == sha256.Size:
		return api.NewCid(cid.NewCidV0(c.Hash())), true
	}
	return api.CidUndef, false
}

// badRequest is a fault of whoever asks.
func badRequest(format string, args ...any) error {
	return fault.With(http.StatusBadRequest, fmt.Errorf(format, args...))
}
