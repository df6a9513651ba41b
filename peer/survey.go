package peer

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/underlay/underlay/consensus"
	"github.com/underlay/underlay/peer/reconcile"
)

// surveyPage is how many pins of the pinset are read at a time; no longer is a view of the state held.
const surveyPage = 1024

// StatusAll sends, in the order of the CIDs' bytes, where every member stands with every pin of the pinset, as far as it
// matches the filter, and closes out. It holds a page of pins in memory, however many there are: each member tells in the
// same order what is not as the pinset says, and the streams are merged. A member that cannot tell has the status
// cluster_error, wherever another one's matches.
func (a API) StatusAll(ctx context.Context, filter api.TrackerStatus, out chan<- api.GlobalPinInfo) error {
	defer close(out)
	return a.peer.survey(ctx, filter, out)
}

func (p *Peer) survey(ctx context.Context, filter api.TrackerStatus, out chan<- api.GlobalPinInfo) error {
	pins, err := p.consensus.Pins(ctx)
	if err != nil {
		return err
	}
	members, err := p.consensus.Peers(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	accounts := make([]*account, len(members))
	for i, id := range members {
		accounts[i] = p.openAccount(ctx, id, p.consensus.Applied())
		defer accounts[i].close()
	}
	query := consensus.Query{Limit: surveyPage}
	for {
		page := make([]api.Pin, 0, surveyPage)
		next, err := pins.Scan(ctx, query, func(pin api.Pin) error {
			page = append(page, pin)
			return nil
		})
		if err != nil {
			return err
		}
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
		if query.After = next; next == "" {
			return nil
		}
	}
}

// merge puts together what the accounts say of one pin. It reports whether one of them matches the filter.
func merge(pin api.Pin, accounts []*account, filter api.TrackerStatus) (api.GlobalPinInfo, bool) {
	info := api.GlobalPinInfo{
		Cid: pin.Cid, Name: pin.Name, Allocations: pin.Allocations, Origins: pin.Origins,
		Created: pin.Timestamp, Metadata: pin.Metadata, PeerMap: make(map[string]api.PinInfoShort, len(accounts)),
	}
	matches := false
	for _, a := range accounts {
		stands := a.of(pin)
		failed := stands.Status == api.TrackerStatusClusterError
		if stands.Status.Match(filter) {
			matches = true
		} else if !failed {
			continue
		}
		info.PeerMap[a.name] = stands
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
func (a *account) of(pin api.Pin) api.PinInfoShort {
	key := pin.Cid.KeyString()
	for a.err == nil && !a.whole && a.ahead.key < key {
		a.ahead, a.err = a.next()
		a.whole = a.ahead.kind == surveyEnd
	}
	stands := a.self
	switch {
	case a.err != nil:
		stands.Status, stands.TS, stands.Error = api.TrackerStatusClusterError, time.Now(), a.err.Error()
	case a.ahead.key == key && a.ahead.kind == surveyDiffers:
		stands.Status, stands.TS = a.ahead.Status, a.ahead.TS
		stands.AttemptCount, stands.Error = a.ahead.AttemptCount, a.ahead.Error
	default:
		stands.Status, stands.TS = reconcile.Calm(pin, a.id), pin.Timestamp
		if stands.TS.IsZero() {
			stands.TS = time.Now()
		}
	}
	return stands
}

// openAccount asks a member. What goes wrong shows in the account.
func (p *Peer) openAccount(ctx context.Context, id peer.ID, index uint64) *account {
	a := &account{id: id, name: id.String(), close: func() {}}
	stream, err := p.askSurvey(ctx, id, index)
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
