// Package unfinished lists the pins for which some peer of the cluster has something left to do, a page at a time. Each peer
// has these in a table, so a page costs nothing for the pins that are as they should be, however many those are.
//
// Not promised: a peer that has just started compares its pins with the pinset first, and may not have found all yet.
//
// Start reading at [Lister.List].
package unfinished

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/underlay/underlay/proxy/member"
)

const (
	// patience is how long a peer may take: it asks nobody.
	patience = 1500 * time.Millisecond
	// MaxLimit is how many pins may be asked for at once.
	MaxLimit = 1000
	path     = "/unfinished"
)

// Path is where a peer tells other members what it has left to do.
const Path = member.NodePath + path

// Self is this peer.
type Self interface {
	// UnfinishedPins lists up to limit CIDs, in the order of their bytes, that a filter matches and that come behind another
	// one, or before it.
	UnfinishedPins(filter api.TrackerStatus, from api.Cid, backward bool, limit int) (cids []api.Cid, scanning bool)
}

// Query says which pins are wanted: those behind From, unless that is undefined, or before it.
type Query struct {
	Filter   api.TrackerStatus
	From     api.Cid
	Backward bool
	Limit    int
}

// List is a page, in the order of the CIDs' bytes or, backward, in the opposite one.
type List struct {
	Cids     []api.Cid
	More     bool     // there are others behind
	Scanning bool     // some peer may not know yet what it has left to do
	Away     []string // the names of peers that do not answer: what they have left to do is missing
}

// answer is what one member says.
type answer struct {
	Cids     []api.Cid `json:"cids"`
	Scanning bool      `json:"scanning"`
	fault    error
}

// Lister asks the members. Any number of goroutines may use it.
type Lister struct {
	self  Self
	peers member.Peers
}

// New makes a lister.
func New(self Self, peers member.Peers) *Lister { return &Lister{self, peers} }

// Handler answers members, at Path.
func (l *Lister) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q, err := parse(r.URL.Query())
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(l.here(q)) // the member has gone if this fails
	})
}

// List returns a page of what all members have left to do. The error says that this peer does not know who they are.
func (l *Lister) List(ctx context.Context, q Query) (List, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	names, err := l.peers.Names(ctx)
	if err != nil {
		return List{}, fmt.Errorf("list unfinished pins: %w", err)
	}
	wanted := q.Limit
	q.Limit++ // to know whether there are more
	ids := slices.Sorted(maps.Keys(names))
	var list List
	for i, a := range member.Each(ids, func(id peer.ID) answer { return l.ask(ctx, id, q) }) {
		if a.fault != nil {
			list.Away = append(list.Away, names[ids[i]])
			continue
		}
		list.Cids = append(list.Cids, a.Cids...)
		list.Scanning = list.Scanning || a.Scanning
	}
	slices.SortFunc(list.Cids, func(a, b api.Cid) int { return strings.Compare(a.KeyString(), b.KeyString()) })
	list.Cids = slices.CompactFunc(list.Cids, api.Cid.Equals)
	if q.Backward {
		slices.Reverse(list.Cids)
	}
	list.More = len(list.Cids) > wanted
	list.Cids = list.Cids[:min(wanted, len(list.Cids))]
	return list, nil
}

// ask asks one member, which may be this peer.
func (l *Lister) ask(ctx context.Context, id peer.ID, q Query) (a answer) {
	if id == l.peers.ID() {
		return l.here(q)
	}
	text, err := (member.Group{Peers: l.peers}).Ask(ctx, id, path, q.values(), nil)
	if err == nil {
		err = json.Unmarshal(text, &a)
	}
	a.fault = err
	return a
}

func (l *Lister) here(q Query) (a answer) {
	a.Cids, a.Scanning = l.self.UnfinishedPins(q.Filter, q.From, q.Backward, q.Limit)
	return a
}

// values is the query as members ask each other.
func (q Query) values() url.Values {
	v := url.Values{
		"filter": {strconv.FormatUint(uint64(q.Filter), 10)}, "backward": {strconv.FormatBool(q.Backward)}, "limit": {strconv.Itoa(q.Limit)},
	}
	if q.From.Defined() {
		v.Set("from", q.From.String())
	}
	return v
}

func parse(v url.Values) (q Query, err error) {
	filter, err := strconv.ParseUint(v.Get("filter"), 10, 31)
	if err != nil {
		return q, fmt.Errorf("filter: %w", err)
	}
	q.Filter = api.TrackerStatus(filter)
	if q.Backward, err = strconv.ParseBool(v.Get("backward")); err != nil {
		return q, fmt.Errorf("backward: %w", err)
	}
	if q.Limit, err = strconv.Atoi(v.Get("limit")); err != nil || q.Limit < 1 || q.Limit > MaxLimit+1 {
		return q, fmt.Errorf("limit: %q is not a number from 1 to %d", v.Get("limit"), MaxLimit+1)
	}
	if from := v.Get("from"); from != "" {
		q.From, err = api.DecodeCid(from)
	}
	return q, err
}
