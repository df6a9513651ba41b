package stockbench

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/underlay/underlay/internal/itest"
)

// loaders is how many requests at a time fill our pinset.
const loaders = 128

// ours drives a cluster of this program.
type ours struct {
	b       *testing.B
	cluster *itest.Cluster
	side    *side
}

// startOurs starts three peers and pins the existing CIDs through their API, until every peer's node holds them.
func startOurs(b *testing.B, existing []string) *side {
	b.Helper()
	o := &ours{b: b, cluster: itest.Start(b)}
	o.side = &side{name: "underlay", control: o, startup: o.cluster.Startup, client: newClient()}
	for _, p := range o.cluster.Peers {
		o.side.hosts = append(o.side.hosts, &host{rest: p.REST, rpc: p.API, pids: []int{p.PID}})
	}
	began := time.Now()
	load(b, o.side, loaders, existing, o.side.pin)
	accepted := time.Since(began)
	awaitSettled(b, o.side, "pinned", existing)
	b.Logf("underlay: %d existing pins accepted in %.1f s, complete after %.1f s",
		len(existing), accepted.Seconds(), time.Since(began).Seconds())
	o.side.existing = existing
	return o.side
}

func (o *ours) kill(host int) { o.cluster.Kill(o.cluster.Peers[host]) }

func (o *ours) stop(host int) { o.cluster.Stop(o.cluster.Peers[host]) }

func (o *ours) start(host int) {
	o.cluster.Restart(o.cluster.Peers[host])
	o.side.hosts[host].pids = []int{o.cluster.Peers[host].PID}
}

// check always succeeds: the cluster watches its own processes.
func (o *ours) check(int) error { return nil }

// leader asks the peers until one says that it leads.
func (o *ours) leader() (int, error) {
	for i, h := range o.side.hosts {
		body, err := o.side.request(http.MethodGet, h.rest+"/health/consensus")
		if err != nil {
			continue // it may be down
		}
		var status struct{ ID, Leader string }
		if err := json.Unmarshal(body, &status); err != nil {
			return 0, fmt.Errorf("read consensus status: %w", err)
		}
		if status.ID == status.Leader {
			return i, nil
		}
	}
	return 0, errNoLeader
}
