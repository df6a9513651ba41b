package peer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs-cluster/ipfs-cluster/state"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/underlay/underlay/consensus"
	"github.com/underlay/underlay/internal/pinstatus"
	"github.com/underlay/underlay/peer/reconcile"
)

// surveyPage is how many pins of the pinset are read at a time; no longer is a view of the state held.
const surveyPage = 1024

// StatusAll sends, in the order of the CIDs' bytes, where every member stands with every pin of the pinset, as far as it
// matches the filter, and closes out. It holds a page of pins in memory, however many there are: each member tells in the
// same order what is not as the pinset says, and the streams are merged. A member that cannot tell has the status
// cluster_error, wherever another one's matches.
func (a API) StatusAll(ctx context.Context, filter api.TrackerStatus, out chan<- pinstatus.Status) error {
	defer close(out)
	return a.peer.survey(ctx, filter, out)
}

func (p *Peer) survey(ctx context.Context, filter api.TrackerStatus, out chan<- pinstatus.Status) error {
	pins, err := p.consensus.Pins(ctx)
	if err != nil {
		return err
	}
	accounts, end, err := p.openAccounts(ctx, nil)
	if err != nil {
		return err
	}
	defer end()
	return consensus.EachPage(ctx, pins, surveyPage, consensus.Every, func(page []api.Pin) error {
		for _, pin := range page {
			info, matches := merge(pin, accounts, filter)
			if !matches {
				continue
			}
			select {
			case out <- info:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
}

// Status tells where every member stands with a CID, pinned or not.
func (a API) Status(ctx context.Context, c api.Cid) (pinstatus.Status, error) {
	pin, _, err := a.peer.pinNow(ctx, c)
	if errors.Is(err, state.ErrNotFound) {
		info, err := a.Cluster.Status(ctx, c)
		return pinstatus.Status{GlobalPinInfo: info}, err
	}
	if err != nil {
		return pinstatus.Status{}, err
	}
	found, err := a.StatusOf(ctx, []api.Pin{pin}, api.TrackerStatusUndefined)
	if err != nil {
		return pinstatus.Status{}, err
	}
	return *found[0], nil
}

// StatusOf is StatusAll for some pins, at most MaxStatusOf, which this peer has read from the pinset. It returns an item for
// each, nil where no member matches the filter.
func (a API) StatusOf(ctx context.Context, pins []api.Pin, filter api.TrackerStatus) ([]*pinstatus.Status, error) {
	if len(pins) == 0 {
		return nil, nil
	}
	cids := make([]api.Cid, len(pins))
	for i, pin := range pins {
		cids[i] = pin.Cid
	}
	infos := make([]*pinstatus.Status, len(pins))
	err := a.peer.surveyOf(ctx, cids, func(i int, accounts []*account) error {
		if info, matches := merge(pins[i], accounts, filter); matches {
			infos[i] = &info
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return infos, nil
}

// MaxStatusOf is how many pins StatusOf may be asked for.
const MaxStatusOf = maxSurveyed

// surveyOf asks every member about some CIDs, at most MaxStatusOf, and calls f with the place of each, in the order of a
// survey, and with all accounts, of which f may then ask for the pin of that CID.
func (p *Peer) surveyOf(ctx context.Context, cids []api.Cid, f func(i int, accounts []*account) error) error {
	order := make([]int, len(cids))
	for i := range cids {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int { return strings.Compare(cids[i].KeyString(), cids[j].KeyString()) })
	sorted := make([]api.Cid, len(cids))
	for n, i := range order {
		sorted[n] = cids[i]
	}
	accounts, end, err := p.openAccounts(ctx, sorted)
	if err != nil {
		return err
	}
	defer end()
	for _, i := range order {
		if err := f(i, accounts); err != nil {
			return err
		}
	}
	return nil
}

// openAccounts asks every member for the status of the pins of some CIDs, or of all if there are none. The accounts are
// good until end is called.
func (p *Peer) openAccounts(ctx context.Context, cids []api.Cid) (accounts []*account, end func(), err error) {
	members, err := p.consensus.Peers(ctx)
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	question := reconcile.Survey{Index: p.consensus.Applied(), Cids: cids}
	accounts = make([]*account, len(members))
	var asked sync.WaitGroup
	for i, id := range members {
		asked.Go(func() { accounts[i] = p.openAccount(ctx, id, question) })
	}
	asked.Wait()
	return accounts, func() {
		cancel()
		for _, a := range accounts {
			a.close()
		}
	}, nil
}

// merge puts together what the accounts say of one pin. It reports whether one of them matches the filter.
func merge(pin api.Pin, accounts []*account, filter api.TrackerStatus) (pinstatus.Status, bool) {
	info := pinstatus.Status{GlobalPinInfo: api.GlobalPinInfo{
		Cid: pin.Cid, Name: pin.Name, Allocations: pin.Allocations, Origins: pin.Origins,
		Created: pin.Timestamp, Metadata: pin.Metadata, PeerMap: make(map[string]api.PinInfoShort, len(accounts)),
	}}
	matches := false
	for _, a := range accounts {
		stands, fetched := a.of(pin)
		failed := stands.Status == api.TrackerStatusClusterError
		if stands.Status.Match(filter) {
			matches = true
		} else if !failed {
			continue
		}
		info.PeerMap[a.name] = stands
		if fetched != (pinstatus.Progress{}) {
			if info.Progress == nil {
				info.Progress = make(map[string]pinstatus.Progress)
			}
			info.Progress[a.name] = fetched
		}
	}
	return info, matches
}

// account is what one member tells of the pins, in the order of their CIDs' bytes.
type account struct {
	id    peer.ID
	name  string // the ID as text
	self  api.PinInfoShort
	next  func() (surveyRecord, error) // the error ends the account
	close func()

	ahead surveyRecord // told, and not passed yet
	whole bool         // all was told
	err   error        // why no more will be
}

// of tells where the member stands with a pin. Pins must be asked for in order.
func (a *account) of(pin api.Pin) (stands api.PinInfoShort, fetched pinstatus.Progress) {
	key := pin.Cid.KeyString()
	for a.err == nil && !a.whole && a.ahead.key < key {
		a.ahead, a.err = a.next()
		a.whole = a.ahead.kind == surveyEnd
	}
	stands = a.self
	switch {
	case a.err != nil:
		stands.Status, stands.TS, stands.Error = api.TrackerStatusClusterError, time.Now(), a.err.Error()
	case a.ahead.key == key && a.ahead.kind == surveyDiffers:
		stands.Status, stands.TS = a.ahead.Status, a.ahead.TS
		stands.AttemptCount, stands.Error = a.ahead.AttemptCount, a.ahead.Error
		fetched = a.ahead.fetched
	default:
		stands.Status, stands.TS = reconcile.Calm(pin, a.id), pin.Timestamp
		if stands.TS.IsZero() {
			stands.TS = time.Now()
		}
	}
	return stands, fetched
}

// openAccount asks a member. What goes wrong shows in the account.
func (p *Peer) openAccount(ctx context.Context, id peer.ID, question reconcile.Survey) *account {
	a := &account{id: id, name: id.String(), close: func() {}}
	stream, err := p.askSurvey(ctx, id, question)
	if err != nil {
		a.self, a.err = p.lastKnown(ctx, id), fmt.Errorf("peer %s: %w", id, err)
		return a
	}
	a.self, a.next, a.close = stream.self, stream.next, stream.close
	return a
}

// lastKnown describes a member that does not answer, as its latest sign of life did.
func (p *Peer) lastKnown(ctx context.Context, id peer.ID) api.PinInfoShort {
	for _, m := range p.monitor.LatestMetrics(ctx, "ping") {
		var sign struct {
			PeerName      string          `json:"peer_name"`
			IPFS          peer.ID         `json:"ipfs_id"`
			IPFSAddresses []api.Multiaddr `json:"ipfs_addresses"`
		}
		if m.Peer == id && json.Unmarshal([]byte(m.Value), &sign) == nil {
			return api.PinInfoShort{PeerName: sign.PeerName, IPFS: sign.IPFS, IPFSAddresses: sign.IPFSAddresses}
		}
	}
	return api.PinInfoShort{}
}
