package psa

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ipfs-cluster/ipfs-cluster/api"
)

// What the specification allows.
const (
	maxName      = 255 // characters
	maxOrigins   = 20
	maxMeta      = 1000
	maxCids      = 10
	maxLimit     = 1000
	defaultLimit = 10
)

// query selects requests. Conditions that are set must all hold.
type query struct {
	cids          []api.Cid         // one of them, if there are any
	name          func(string) bool // nil: any name
	meta          map[string]string // all of these
	pairs         [][]byte          // as they stand in records
	statuses      statusSet
	before, after time.Time // zero: unbounded
	limit         int       // how many to show at most
}

// parseQuery reads the parameters of a list. Errors name the parameter.
func parseQuery(q url.Values) (query, error) {
	out := query{limit: defaultLimit}
	for _, parse := range []func(url.Values) error{
		out.parseCids, out.parseName, out.parseMeta, out.parseStatuses, out.parseTimes, out.parseLimit,
	} {
		if err := parse(q); err != nil {
			return out, err
		}
	}
	if out.statuses == 0 {
		out.statuses = allStatuses
		if len(out.cids) == 0 && out.name == nil && out.meta == nil {
			out.statuses = statusSet(0).with(statusPinned) // so the specification: without filters, successful pins
		}
	}
	return out, nil
}

// listed splits a parameter that is a list, whether it is given once with commas or several times.
func listed(q url.Values, name string) []string {
	if q.Get(name) == "" {
		return nil
	}
	return strings.Split(strings.Join(q[name], ","), ",")
}

func (o *query) parseCids(q url.Values) error {
	cids := listed(q, "cid")
	if len(cids) > maxCids {
		return badField("cid", "%d CIDs, at most %d", len(cids), maxCids)
	}
	for _, s := range cids {
		c, err := api.DecodeCid(s)
		if err != nil {
			return badField("cid", "%q is no CID: %w", s, err)
		}
		o.cids = append(o.cids, c)
	}
	return nil
}

func (o *query) parseName(q url.Values) error {
	name := q.Get("name")
	if n := utf8.RuneCountInString(name); n > maxName {
		return badField("name", "%d characters, at most %d", n, maxName)
	}
	var match func(string) bool
	folded := strings.ToLower(name)
	switch m := q.Get("match"); m {
	case "", "exact":
		match = func(s string) bool { return s == name }
	case "iexact":
		match = func(s string) bool { return strings.EqualFold(s, name) }
	case "partial":
		match = func(s string) bool { return strings.Contains(s, name) }
	case "ipartial":
		match = func(s string) bool { return strings.Contains(strings.ToLower(s), folded) }
	default:
		return badField("match", "%q is none of exact, iexact, partial and ipartial", m)
	}
	if name != "" {
		o.name = match
	}
	return nil
}

func (o *query) parseMeta(q url.Values) error {
	s := q.Get("meta")
	if s == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(s), &o.meta); err != nil || o.meta == nil {
		return badField("meta", "%q is no JSON object of texts", s)
	}
	for k, v := range o.meta {
		pair, err := encodeJSON(map[string]string{k: v})
		if err != nil {
			return badField("meta", "%w", err)
		}
		o.pairs = append(o.pairs, bytes.Trim(pair, "{}\n"))
	}
	return nil
}

func (o *query) parseStatuses(q url.Values) error {
	for _, s := range listed(q, "status") {
		known, ok := parseStatus(s)
		if !ok {
			return badField("status", "%q is none of queued, pinning, pinned and failed", s)
		}
		o.statuses = o.statuses.with(known)
	}
	return nil
}

func (o *query) parseTimes(q url.Values) error {
	for name, to := range map[string]*time.Time{"before": &o.before, "after": &o.after} {
		s := q.Get(name)
		if s == "" {
			continue
		}
		t, err := time.Parse(time.RFC3339, s)
		if err != nil {
			return badField(name, "%q is no time as in RFC 3339", s)
		}
		*to = t
	}
	return nil
}

func (o *query) parseLimit(q url.Values) error {
	s := q.Get("limit")
	if s == "" {
		return nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > maxLimit {
		return badField("limit", "%q is no number from 1 to %d", s, maxLimit)
	}
	o.limit = n
	return nil
}

// matches compares what does not depend on the cluster.
func (o *query) matches(r record) (bool, error) {
	if o.name != nil && !o.name(r.pin.Name) {
		return false, nil
	}
	if len(o.meta) == 0 {
		return true, nil
	}
	for _, pair := range o.pairs { // most records need not be decoded
		if !bytes.Contains(r.rest, pair) {
			return false, nil
		}
	}
	r, err := r.whole()
	for k, v := range o.meta {
		if have, ok := r.pin.Meta[k]; !ok || have != v {
			return false, err
		}
	}
	return true, err
}

// keys returns the range of the keys of the records that are before and after the times: from the first one on, up to
// one that is not in it.
func (o *query) keys() (from, to string) {
	from, to = recordSpace, recordSpace+"\x7f"
	if !o.before.IsZero() {
		if micros := ceilMicro(o.before); micros > 0 {
			from += timeKey(micros - 1)
		} else {
			from = to
		}
	}
	if micros := o.after.UnixMicro(); !o.after.IsZero() && micros >= 0 {
		to = recordSpace + timeKey(micros)
	}
	return from, to
}

// ceilMicro is the first whole microsecond that is not before t.
func ceilMicro(t time.Time) int64 {
	micros := t.UnixMicro()
	if time.UnixMicro(micros).Before(t) {
		micros++
	}
	return micros
}
