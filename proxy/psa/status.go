package psa

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs-cluster/ipfs-cluster/state"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/underlay/underlay/consensus"
	"github.com/underlay/underlay/internal/pinstatus"
)

// status is what became of a request, in the words of the specification.
type status string

const (
	statusQueued  status = "queued"
	statusPinning status = "pinning"
	statusPinned  status = "pinned"
	statusFailed  status = "failed"
)

func statuses() []status { return []status{statusQueued, statusPinning, statusPinned, statusFailed} }

func parseStatus(s string) (status, bool) { return status(s), slices.Contains(statuses(), status(s)) }

// statusSet is a set of statuses.
type statusSet uint8

const allStatuses statusSet = 1<<4 - 1

func (s statusSet) with(one status) statusSet { return s | 1<<slices.Index(statuses(), one) }

func (s statusSet) has(one status) bool { return s&statusSet(0).with(one) != 0 }

// outcome is what became of a request, with what else there is to tell of it.
type outcome struct {
	status status
	info   map[string]string
}

// errorStatuses are those of a peer whose latest attempt at a pin has failed.
const errorStatuses = api.TrackerStatusPinError | api.TrackerStatusClusterError

// judge turns how the peers stand with a pin into what the request's client is told. A pin that can be made no sooner than
// peers come back waits.
func judge(p pinstatus.Standing) outcome {
	info := map[string]string{
		"peers_pinned": strconv.Itoa(p.Held()),
		"peers_wanted": strconv.Itoa(len(p.Holders) + p.Away),
	}
	var blocks int
	var bytes uint64
	for _, at := range p.Holders { // the one that has got furthest
		blocks, bytes = max(blocks, at.Nodes), max(bytes, at.Bytes)
	}
	told := func(s status, format string, args ...any) outcome {
		info["status_details"] = fmt.Sprintf(format, args...)
		return outcome{s, info}
	}
	switch {
	case !p.Wanted:
		return outcome{statusFailed, map[string]string{"status_details": "the pin was removed, but not through the pinning service; ask again to pin it again"}}
	case p.Safe():
		return told(statusPinned, "%d of %d peers hold it", p.Held(), len(p.Holders)+p.Away)
	case p.Any(api.TrackerStatusPinning):
		info["blocks"], info["bytes"] = strconv.Itoa(blocks), strconv.FormatUint(bytes, 10)
		return told(statusPinning, "%d of %d peers hold it; fetched so far: %d blocks, %d bytes", p.Held(), len(p.Holders)+p.Away, blocks, bytes)
	case p.Any(errorStatuses) && !p.Any(api.TrackerStatusPinQueued):
		return told(statusFailed, "%d of %d peers hold it; the next attempt follows by itself: %s", p.Held(), len(p.Holders)+p.Away, reasons(p))
	case p.Away > 0 && p.Held() == len(p.Holders):
		return told(statusQueued, "waits for %d peers that cannot be reached", p.Away)
	default:
		return told(statusQueued, "waits for a worker; %d of %d peers hold it", p.Held(), len(p.Holders)+p.Away)
	}
}

// reasons lists why attempts have failed, each reason once.
func reasons(p pinstatus.Standing) string {
	var texts []string
	for _, at := range p.Holders {
		if at.Error != "" && !slices.Contains(texts, at.Error) {
			texts = append(texts, at.Error)
		}
	}
	return strings.Join(texts, "; ")
}

// judges finds out what became of the requests of one list. Peers are asked only about CIDs that were not seen to be held
// before, and about each once.
type judges struct {
	*Service
	pins    consensus.Pins
	waiting map[api.Cid]bool    // these CIDs are not known to be held
	gone    map[api.Cid]bool    // these are not pinned any more
	known   map[api.Cid]outcome // of those that wait
}

func (s *Service) judgesOf(pins consensus.Pins) *judges {
	return &judges{Service: s, pins: pins, waiting: make(map[api.Cid]bool), gone: make(map[api.Cid]bool), known: make(map[api.Cid]outcome)}
}

// lookAt finds out whether one CID waits, or is gone.
func (j *judges) lookAt(ctx context.Context, c api.Cid) error {
	_, err := j.state.Value(ctx, waitKey(c))
	if err != nil && !errors.Is(err, state.ErrNotFound) {
		return err
	}
	j.waiting[c] = err == nil
	pinned, err := j.pins.Has(ctx, c)
	j.gone[c] = !pinned
	return err
}

// lookAtAll finds out which CIDs wait, and which are gone.
func (j *judges) lookAtAll(ctx context.Context) (err error) {
	if j.gone, err = j.orphans.now(ctx, j.state, j.pins); err != nil {
		return err
	}
	return eachValue(ctx, j.state, waitSpace, waitSpace+"\x7f", func(values []consensus.Value) error {
		for _, v := range values {
			c, err := waitingCid(v)
			if err != nil {
				return err
			}
			j.waiting[c] = true
		}
		return nil
	})
}

// of tells what became of some requests, in their order.
func (j *judges) of(ctx context.Context, requests []record) ([]outcome, error) {
	var ask []api.Cid
	for _, r := range requests {
		c := r.pin.Cid
		if _, known := j.known[c]; j.waiting[c] && !known {
			j.known[c] = outcome{}
			ask = append(ask, c)
		}
	}
	if err := j.ask(ctx, ask); err != nil {
		return nil, err
	}
	outcomes := make([]outcome, len(requests))
	for i, r := range requests {
		switch c := r.pin.Cid; {
		case j.gone[c]:
			outcomes[i] = judge(pinstatus.Standing{})
		case j.waiting[c]:
			outcomes[i] = j.known[c]
		default:
			outcomes[i].status = statusPinned
		}
	}
	return outcomes, nil
}

func (j *judges) ask(ctx context.Context, cids []api.Cid) error {
	if len(cids) == 0 {
		return nil
	}
	found, err := j.cluster.Standings(ctx, cids)
	for i, pin := range found {
		j.known[cids[i]] = judge(pin)
	}
	return err
}

// PinStatus is a request as clients see it.
type PinStatus struct {
	RequestID string            `json:"requestid"`
	Status    status            `json:"status"`
	Created   string            `json:"created"`
	Pin       Pin               `json:"pin"`
	Delegates []api.Multiaddr   `json:"delegates"`
	Info      map[string]string `json:"info,omitempty"`
}

// maxDelegates is how many addresses of ours the specification allows a request to name.
const maxDelegates = 20

// createdFormat has all digits of a request's time, so that equal texts are equal times.
const createdFormat = "2006-01-02T15:04:05.000000Z"

// show describes requests, in their order.
func (s *Service) show(ctx context.Context, pins consensus.Pins, requests []request, outcomes []outcome) ([]PinStatus, error) {
	nodes, err := s.cluster.Nodes(ctx)
	if err != nil {
		return nil, err
	}
	everywhere := delegates(nodes, nil)
	shown := make([]PinStatus, len(requests))
	for i, r := range requests {
		shown[i] = PinStatus{
			RequestID: r.id.String(), Status: outcomes[i].status, Created: r.created().Format(createdFormat), Pin: r.pin,
			Delegates: everywhere, Info: outcomes[i].info,
		}
		pin, err := pins.Get(ctx, r.pin.Cid)
		switch {
		case errors.Is(err, state.ErrNotFound):
		case err != nil:
			return nil, err
		case !pin.IsPinEverywhere():
			shown[i].Delegates = delegates(nodes, pin.Allocations)
		}
	}
	return shown, nil
}

// delegates lists the addresses of the nodes that are to fetch a pin, those of all nodes if none of these is known. Where
// there are too many, each node has some.
func delegates(nodes map[peer.ID][]api.Multiaddr, holders []peer.ID) []api.Multiaddr {
	holders = slices.DeleteFunc(slices.Clone(holders), func(id peer.ID) bool { return len(nodes[id]) == 0 })
	if len(holders) == 0 {
		for id := range nodes {
			holders = append(holders, id)
		}
		slices.Sort(holders)
	}
	addrs := []api.Multiaddr{}
	for round := 0; ; round++ {
		more := false
		for _, id := range holders {
			if round < len(nodes[id]) && len(addrs) < maxDelegates {
				addrs, more = append(addrs, nodes[id][round]), true
			}
		}
		if !more {
			return addrs
		}
	}
}
