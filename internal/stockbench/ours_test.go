package stockbench

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/underlay/underlay/internal/itest"
	"github.com/underlay/underlay/internal/stock"
)

// bulkPins is how many pins the measurement of bulk requests makes.
const bulkPins = 20000

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
		o.side.hosts = append(o.side.hosts, &host{rest: p.REST, rpc: p.API, api: p.API, pids: []int{p.PID}})
	}
	began := time.Now()
	if err := o.bulk(0, "pin", existing); err != nil {
		b.Fatal(err)
	}
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

// bulk pins or unpins through one host, in one request.
func (o *ours) bulk(host int, op string, cids []string) error {
	body, lines := io.Pipe()
	go func() {
		out := bufio.NewWriter(lines)
		for _, cid := range cids {
			fmt.Fprintf(out, "{\"op\":%q,\"cid\":%q}\n", op, cid)
		}
		lines.CloseWithError(out.Flush()) // an error means that nobody reads on
	}()
	unlimited := &http.Client{Transport: o.side.client.Transport}
	resp, err := unlimited.Post(o.side.hosts[host].rest+"/pins", "application/x-ndjson", body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answers := json.NewDecoder(resp.Body)
	for range cids {
		var answer struct {
			Status int
			Error  string
		}
		if err := answers.Decode(&answer); err != nil {
			return err
		}
		if answer.Status != http.StatusOK {
			return fmt.Errorf("%s in bulk: %w %d: %s", op, errStatus, answer.Status, answer.Error)
		}
	}
	return nil
}

// measureBulk returns how many pins a second one bulk request made, through each host in turn, until its last answer.
func measureBulk(b *testing.B, s *side, round int) float64 {
	b.Helper()
	o := s.control.(*ours)
	host, cids := round%len(s.hosts), inlineCIDs(bulkPins)
	began := time.Now()
	if err := o.bulk(host, "pin", cids); err != nil {
		b.Fatal(err)
	}
	took := time.Since(began)
	awaitSettled(b, s, "pinned", cids)
	if err := o.bulk(host, "unpin", cids); err != nil {
		b.Fatal(err)
	}
	awaitSettled(b, s, "unpinned", cids)
	return perSecond(len(cids), took)
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
	return 0, stock.ErrNoLeader
}
