package console

import (
	"cmp"
	"fmt"
	"net/http"

	"github.com/underlay/underlay/internal/human"
	"github.com/underlay/underlay/internal/vitals"
	"github.com/underlay/underlay/proxy/overview"
)

// overviewData is what the overview shows.
type overviewData struct {
	Summary string
	Alerts  []alertData
	Leader  string
	Term    uint64
	Pins    uint64
	Left    vitals.Pins
	Peers   []peerData
	Asked   string
}

// alertData is something that is wrong.
type alertData struct {
	Grave bool
	Text  string
	Since string // empty: unknown
}

// peerData is a row of the table of peers.
type peerData struct {
	overview.Peer
	Role, Lag, Zone, Build, DiskUse, MemoryUse string
}

// overview shows the whole cluster.
func (c *Console) overview(w http.ResponseWriter, r *http.Request) error {
	o, err := c.o.Overview.Overview(r.Context())
	if err != nil {
		return err
	}
	c.show(w, r, http.StatusOK, "overview", "Overview", newOverviewData(o))
	return nil
}

func newOverviewData(o overview.Overview) overviewData {
	d := overviewData{Leader: "none", Term: o.Term, Pins: o.Pins, Left: o.Unfinished(), Asked: o.Asked}
	if p, ok := o.Peer(o.Leader); ok {
		d.Leader = p.Label()
	}
	if p, ok := o.Peer(o.Asked); ok {
		d.Asked = p.Label()
	}
	d.Summary = fmt.Sprintf("%d of %s answer, ", o.Answering(), human.Plural(len(o.Peers), "peer"))
	if o.Leader == "" {
		d.Summary += "and there is no leader."
	} else {
		d.Summary += d.Leader + " leads."
	}
	for _, a := range o.Alerts {
		shown := alertData{Grave: a.Grave, Text: a.Text}
		if !a.Since.IsZero() {
			shown.Since = human.Ago(a.Since, o.At)
		}
		d.Alerts = append(d.Alerts, shown)
	}
	for _, p := range o.Peers {
		d.Peers = append(d.Peers, newPeerData(o, p))
	}
	return d
}

// unknown stands for what a peer has never said.
const unknown = "–"

func newPeerData(o overview.Overview, p overview.Peer) peerData {
	d := peerData{Peer: p, Role: unknown, Lag: unknown, Zone: cmp.Or(p.Tags["zone"], unknown), Build: cmp.Or(p.Version, unknown),
		DiskUse: unknown, MemoryUse: unknown}
	switch {
	case o.Leads(p):
		d.Role = "leader"
	case p.Seen.IsZero():
		return d
	case p.Consensus.Voter:
		d.Role = "voter"
	default:
		d.Role = "no vote yet"
	}
	if p.Answers() {
		d.Lag = count(p.Behind)
	}
	if p.Disk != (vitals.Disk{}) {
		d.DiskUse = human.Size(p.Disk.Used) + " of " + human.Size(p.Disk.Used+p.Disk.Free)
	}
	if p.Memory.Used > 0 {
		d.MemoryUse = human.Size(p.Memory.Used)
		if p.Memory.Limit > 0 {
			d.MemoryUse += " of " + human.Size(p.Memory.Limit)
		}
	}
	return d
}
