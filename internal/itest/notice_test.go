package itest

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/underlay/underlay/internal/testkit"
)

// onMachines restarts every peer on a machine of its own.
func (c *Cluster) onMachines() map[*Peer]*testkit.Machine {
	c.t.Helper()
	machines := make(map[*Peer]*testkit.Machine)
	for _, p := range c.Peers {
		m := testkit.NewMachine(c.t)
		c.Stop(p)
		p.env = append(pairs(m.Environment()), "UNDERLAY_CLOUD=ec2")
		c.Restart(p)
		c.AwaitReady(p)
		machines[p] = m
	}
	return machines
}

// pairs returns an environment as a process gets it.
func pairs(env map[string]string) (list []string) {
	for name, value := range env {
		list = append(list, name+"="+value)
	}
	return list
}

// awaitLeaderAfter waits until another peer leads.
func (c *Cluster) awaitLeaderAfter(before *Peer) (leader *Peer) {
	c.t.Helper()
	Eventually(c.t, 30*time.Second, func() error {
		if leader = c.leader(); leader == before {
			return errors.New("leadership was not handed over")
		}
		return nil
	})
	return leader
}

// awaitUnready waits until a peer knows of its end.
func awaitUnready(t *testing.T, p *Peer) {
	t.Helper()
	Eventually(t, 20*time.Second, func() error {
		if health(p) == nil {
			return errors.New("the peer does not know of its end")
		}
		return nil
	})
}

// EC2 recommends to leave the machine of the leader, which hands over and goes on; then an auto scaling group ends the machine of the
// next leader, which drains, ends in good order and tells the group so, once. No visitor notices.
func TestMachinesThatEnd(t *testing.T) {
	t.Parallel() // it waits most of the time
	c := Start(t, "--config", settingsOf(t, "drain_delay: 3s\n"))
	machines := c.onMachines()
	content := randomContent(1, 4096)
	cid, err := c.Peers[0].Add(content, "cid-version=1")
	if err != nil {
		t.Fatal(err)
	}
	c.Acked(cid)
	pin, err := c.Peers[0].Do(http.MethodGet, "/allocations/"+cid)
	if err != nil {
		t.Fatal(err)
	}
	var gateways, apis []string
	for _, p := range c.Peers {
		gateways, apis = append(gateways, p.Gateway), append(apis, p.API)
	}
	gateway := startVisitors(t, 10, 100*time.Millisecond, startChecked(t, gateways, "/readyz", 200*time.Millisecond).URL+"/ipfs/"+cid, content)
	api := startVisitors(t, 10, 100*time.Millisecond, startChecked(t, apis, "/readyz", 200*time.Millisecond).URL+"/allocations/"+cid, pin)

	first := c.leader()
	machines[first].Set("events/recommendations/rebalance", `{"noticeTime": "2026-01-02T03:04:05Z"}`)
	leader := c.awaitLeaderAfter(first)
	api.await(t, 100)

	process, machine := leader.again, machines[leader]
	machine.Set("autoscaling/target-lifecycle-state", "Terminated")
	awaitUnready(t, leader)
	expectDraining(t, leader, cid, content)
	if told := machine.Requests(); len(told) > 0 {
		t.Errorf("the group was told before the peer has stopped: %v", told)
	}
	c.AwaitEnd(leader)
	if code := process.ProcessState.ExitCode(); code != 0 {
		t.Errorf("the peer ended with %d, so that it would be started again", code)
	}
	gateway.await(t, 100)
	api.await(t, 100)
	gateway.end()
	api.end()
	if told := machine.Requests(); len(told) != 1 || told[0].Get("Action") != "CompleteLifecycleAction" || told[0].Get("LifecycleActionResult") != "CONTINUE" {
		t.Errorf("the group was told %v", told)
	}
	expectLogged(t, leader, "this machine is about to end", 1)
	expectLogged(t, first, "this machine may end soon", 1)
	if err := health(first); err != nil {
		t.Errorf("who was only recommended to go: %v", err)
	}
	t.Logf("%d requests to gateways, %d to APIs; failed are %d and %d", gateway.asked.Load(), api.asked.Load(), gateway.failed.Load(), api.failed.Load())
	machine.Set("autoscaling/target-lifecycle-state", "InService") // or it ends again
	c.Restart(leader)
	c.AwaitReady(leader)
}

// expectLogged checks how often a text is in a peer's log.
func expectLogged(t *testing.T, p *Peer, text string, times int) {
	t.Helper()
	log, err := os.ReadFile(filepath.Join(p.dir, "underlay.log"))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(string(log), text); got != times {
		t.Errorf("%s has logged %q %d times, want %d", p.Name, text, got, times)
	}
}
