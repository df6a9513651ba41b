package itest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// backLimit is how long a cluster may take to be whole again after all its peers died.
const backLimit = 15 * time.Second

// Every peer dies at the same moment while clients write, again and again: nothing that was acknowledged is lost.
func TestAllKilledUnderLoad(t *testing.T) {
	rounds := scaled(3, 50)
	c := Start(t)
	l := startLoad(t, "all killed", mixed(c.Peers)...)
	var took []time.Duration
	files := 0
	for range rounds {
		l.awaitAcks(50, 5)
		c.KillAll(c.Peers...)
		began := time.Now()
		for _, p := range c.Peers {
			c.Restart(p)
		}
		c.AwaitReady(c.Peers...)
		took = append(took, time.Since(began))
		l.verify(c.Peers...)
		files = l.verifyBlocks(files)
	}
	l.stop()
	l.handOver(c)
	slices.Sort(took)
	worst := took[len(took)-1]
	want, _ := l.acknowledged()
	t.Logf("all peers killed %d times, %d CIDs and %d files acknowledged: whole again after p50 %s, max %s",
		rounds, len(want), files, took[len(took)/2].Round(time.Millisecond), worst.Round(time.Millisecond))
	if worst > backLimit {
		t.Errorf("whole again after %s, more than %s", worst, backLimit)
	}
}

// The leader is stopped in order and started again while clients write: on the other peers no write fails, and a load
// balancer that skips a closed port sees no failure either.
func TestPlannedRestartOfLeader(t *testing.T) {
	c := Start(t)
	for round := range scaled(2, 10) {
		leader := c.leader()
		others := c.others(leader)
		writers := append(through(others, false, 5*time.Millisecond), through(others, true, 20*time.Millisecond)...)
		writers = append(writers, writer{"pins through a load balancer", c.Peers, false, 5 * time.Millisecond})
		l := startLoad(t, fmt.Sprint("planned restart ", round), writers...)
		l.awaitAcks(100, 3)
		began := time.Now()
		c.Stop(leader)
		stopped := time.Since(began)
		l.awaitAcks(100, 3)
		c.Restart(leader)
		c.AwaitReady(c.Peers...)
		l.awaitAcks(100, 3)
		l.stop()
		l.verify(c.Peers...)
		l.handOver(c)
		want, added := l.acknowledged()
		t.Logf("leader stopped in %s; %d CIDs, %d of them files, acknowledged meanwhile; longest time without an acknowledged write %s",
			stopped.Round(time.Millisecond), len(want), len(added), l.longestGap().Round(time.Millisecond))
		if failed := l.failed(); failed != nil {
			t.Errorf("a planned restart of the leader cost writes: %s", strings.Join(failed, "\n"))
		}
	}
}

// joinLimit is how long a peer may take to be in the cluster once it, and a majority, run.
const joinLimit = 5 * time.Second

// Peers restart in an order in which none of them knows the others' places at first hand any more: each is in at once.
func TestRestartOrder(t *testing.T) {
	c := Start(t)
	// One after the other, each ready before the next. The one that stays must see the others again.
	for _, p := range []*Peer{c.Peers[1], c.Peers[0]} {
		c.Stop(p)
		c.Restart(p)
		c.AwaitReady(p)
	}
	c.expectWhole("peer2 and peer1 restarted one after the other")

	// All down, and back one by one.
	orders := [][]int{{2, 0, 1}, {0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 1, 0}}
	for _, order := range orders[:scaled(2, len(orders))] {
		for _, p := range c.Peers {
			c.Stop(p)
		}
		for n, i := range order {
			p := c.Peers[i]
			c.Restart(p)
			if n == 0 { // alone, it waits for the others
				Eventually(t, time.Minute, func() error { _, err := p.Do(http.MethodGet, "/version"); return err })
			} else {
				c.AwaitReady(p)
			}
		}
		c.expectWhole(fmt.Sprintf("all stopped, started in the order %v", order))
	}
}

// Peers that were away for long, with and without a majority left, are back at once, and know what they missed.
func TestBackAfterLongAbsence(t *testing.T) {
	t.Parallel() // it waits most of the time
	c := Start(t)
	away := time.Duration(scaled(4, 60)) * time.Second
	leader := c.leader()
	for _, gone := range [][]*Peer{{leader}, c.others(leader)} {
		stays := slices.DeleteFunc(slices.Clone(c.Peers), func(p *Peer) bool { return slices.Contains(gone, p) })
		c.KillAll(gone...)
		l := startLoad(t, fmt.Sprint("absence of ", len(gone)), through(stays, false, 10*time.Millisecond)...)
		<-time.After(away) // the absence itself
		for _, p := range gone {
			c.Restart(p)
		}
		c.expectWhole(fmt.Sprintf("%d of %d peers back after %s", len(gone), len(c.Peers), away))
		l.stop()
		l.verify(c.Peers...)
		l.handOver(c)
	}
}

// expectWhole waits until every peer is ready and sees the others, and checks that a write through each is read through
// each.
func (c *Cluster) expectWhole(event string) {
	c.t.Helper()
	began := time.Now()
	for _, p := range c.Peers {
		Eventually(c.t, time.Minute, func() error {
			if err := health(p); err != nil {
				return err
			}
			return p.sees(len(c.Peers))
		})
	}
	took := time.Since(began)
	for _, p := range c.Peers {
		name := fmt.Sprintf("%d", time.Now().UnixNano())
		cid := inlineCID(c.t, name)
		if _, err := p.Do(http.MethodPost, "/pins/"+cid+"?name="+name); err != nil {
			c.t.Errorf("%s: write through %s: %v", event, p.Name, err)
			continue
		}
		c.Acked(cid)
		for _, q := range c.Peers {
			if pin, err := q.Allocation(cid); err != nil || pin.Name != name {
				c.t.Errorf("%s: read through %s of a write through %s: %q, %v", event, q.Name, p.Name, pin.Name, err)
			}
		}
	}
	c.t.Logf("%s: whole after %s, checked after %s", event, took.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
	if took > joinLimit {
		c.t.Errorf("%s: whole after %s, more than %s", event, took, joinLimit)
	}
}

// sees returns nil when the peer reaches n peers, itself included.
func (p *Peer) sees(n int) error {
	body, err := p.Do(http.MethodGet, "/peers")
	if err != nil {
		return err
	}
	lines := strings.Split(strings.TrimSpace(string(body)), "\n")
	for _, line := range lines {
		var id struct{ ID, Error string }
		if err := json.Unmarshal([]byte(line), &id); err != nil {
			return fmt.Errorf("decode peers of %s: %w", p.Name, err)
		}
		if id.Error != "" {
			return fmt.Errorf("%s does not reach %s: %s", p.Name, id.ID, id.Error)
		}
	}
	if len(lines) != n {
		return fmt.Errorf("%s sees %d peers of %d", p.Name, len(lines), n)
	}
	return nil
}
