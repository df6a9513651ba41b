package boottest

import (
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/underlay/underlay/internal/itest"
)

// inline is a path to content that its CID holds, so that every gateway has it.
func inline() string { return "/ipfs/" + itest.InlineCid("inline") }

// waitsFor waits until the peer of an instance is in no cluster and says how many peers it knows, while its gateway serves.
func (c *cluster) waitsFor(i *instance, have int) {
	c.t.Helper()
	want := fmt.Sprintf("waiting for 3 peers, have %d", have)
	itest.Eventually(c.t, patience, func() error {
		if _, err := c.get(i.gateway("/readyz")); err != nil {
			return err
		}
		if _, err := c.get(i.api("/health")); statusOf(err) != http.StatusServiceUnavailable || !strings.Contains(err.Error(), want) {
			return fmt.Errorf("%s in slot %s does not say %q: %w", i.id, i.slot, want, err)
		}
		return nil
	})
	for _, ask := range [][2]string{{http.MethodGet, "/pins"}, {http.MethodGet, "/psa/pins"}, {http.MethodPost, "/api/v0/pin/ls"}} {
		if _, err := c.do(ask[0], i.api(ask[1]), "", nil); statusOf(err) != http.StatusServiceUnavailable || !strings.Contains(err.Error(), want) {
			c.t.Errorf("without a cluster slot %s has pins: %v", i.slot, err)
		}
	}
	if got, err := c.get(i.gateway(inline())); err != nil || string(got) != "inline" {
		c.t.Errorf("the gateway of slot %s serves %q, %v", i.slot, got, err)
	}
}

// Two machines of three found nothing: they serve, say what they wait for, and form a cluster when the third one is there.
func TestTwoOfThreeBoot(t *testing.T) {
	c := newCluster(t)
	a, b := c.launch("a"), c.launch("b")
	c.waitsFor(a, 2)
	c.waitsFor(b, 2)
	itest.Eventually(t, patience, func() error {
		_, err := c.get(gatewayURL + inline())
		return err
	})
	if _, err := c.get(restURL + "/pins"); statusOf(err) != http.StatusServiceUnavailable {
		t.Errorf("the private API without a cluster: %v", err)
	}
	if got := c.genesis(); got != "" {
		t.Errorf("two have founded a cluster of %s", got)
	}
	third := c.launch("c")
	c.formed(a, b, third)
}

// formed waits until the instances of the slots are the first members of a cluster.
func (c *cluster) formed(first ...*instance) {
	c.t.Helper()
	for _, i := range first {
		c.awaitSignal("Formed", i)
	}
	c.awaitBalanced(slots()...)
	c.fill(5, 1<<10)
	c.isOneCluster()
	for _, i := range first {
		if me, err := c.self(i); err != nil || !strings.Contains(c.genesis(), me.ID) {
			c.t.Errorf("%s in slot %s is none of the first members %s, %v", me.ID, i.slot, c.genesis(), err)
		}
	}
}

// When the first boot is cut into two and one, neither part founds a cluster; together they found one.
func TestPartitionAtFirstBoot(t *testing.T) {
	c := newCluster(t)
	a, b, alone := c.prepare("a"), c.prepare("b"), c.prepare("c")
	c.part([]*instance{a, b}, []*instance{alone}, cut)
	for _, slot := range slots() {
		c.has[slot].boot()
	}
	c.waitsFor(a, 2)
	c.waitsFor(b, 2)
	c.waitsFor(alone, 1)
	if got := c.genesis(); got != "" {
		t.Errorf("a part has founded a cluster of %s", got)
	}
	c.part([]*instance{a, b}, []*instance{alone}, mend)
	c.formed(a, b, alone)
}

// part cuts or mends the ways between two groups. All of them reach AWS.
func (c *cluster) part(one, other []*instance, change func(namespace, addr string) error) {
	c.t.Helper()
	for _, i := range one {
		for _, j := range other {
			i.check(change(i.id, j.addr))
			j.check(change(j.id, i.addr))
		}
	}
}

// Two groups of three boot at once and cannot see each other, so each would be the first. One record decides: the other group founds
// nothing, and joins when it reaches the cluster.
func TestTwoFirstBootsAtOnce(t *testing.T) {
	c := newCluster(t)
	var groups [2][]*instance
	for _, slot := range slots() {
		groups[0] = append(groups[0], c.prepare(slot))
		groups[1] = append(groups[1], c.prepareAside(slot, c.volume(slot, nil)))
	}
	c.part(groups[0], groups[1], cut)
	for n := range groups[0] {
		groups[0][n].boot()
		groups[1][n].boot()
	}
	var founders, others []*instance
	itest.Eventually(t, patience, func() error {
		for n, group := range groups {
			if c.takesPart(group[0]) == nil && c.takesPart(group[1]) == nil && c.takesPart(group[2]) == nil {
				founders, others = group, groups[1-n]
				return nil
			}
		}
		return fmt.Errorf("no group has formed a cluster; the first members are %q", c.genesis())
	})
	for _, i := range others {
		itest.Eventually(t, patience, func() error {
			_, err := c.get(i.api("/health"))
			if err == nil {
				t.Fatalf("%s is in a second cluster", i.id)
			}
			if statusOf(err) != http.StatusServiceUnavailable {
				return err
			}
			return nil
		})
	}
	c.part(groups[0], groups[1], mend)
	ids := make(map[string]bool)
	for _, i := range append(founders, others...) {
		itest.Eventually(t, patience, func() error { return c.takesPart(i) })
		itest.Eventually(t, patience, func() error {
			seen, err := c.members(i)
			if err == nil && len(seen) != 6 {
				err = fmt.Errorf("%s sees %d members", i.id, len(seen))
			}
			for _, m := range seen {
				ids[m.ID] = true
			}
			return err
		})
	}
	if len(ids) != 6 {
		t.Errorf("they see %d members in all", len(ids))
	}
	for _, i := range founders {
		if me, err := c.self(i); err != nil || !strings.Contains(c.genesis(), me.ID) {
			t.Errorf("%s has founded a cluster, and the first members are %s, %v", me.ID, c.genesis(), err)
		}
	}
}

// Whoever writes the record of the first members dies at that moment. The other two are the cluster, and it joins when it is back.
func TestGenesisWriterDies(t *testing.T) {
	c := newCluster(t)
	died := make(chan *instance, 1)
	c.onWrite = func(by *instance) {
		init, err := by.init()
		if err == nil {
			err = syscall.Kill(init, syscall.SIGKILL)
		}
		if err != nil {
			t.Errorf("end the writer %s: %v", by.id, err)
		}
		died <- by
	}
	for _, slot := range slots() {
		c.launch(slot)
	}
	var writer *instance
	itest.Eventually(t, patience, func() error {
		select {
		case writer = <-died:
			return nil
		default:
			return fmt.Errorf("nobody has written the record")
		}
	})
	writer.await(10 * time.Second)
	c.setState(writer, terminated)
	var two []string
	for _, slot := range slots() {
		if slot != writer.slot {
			two = append(two, slot)
			c.awaitSignal("Formed", c.has[slot])
		}
	}
	c.awaitBalanced(two...)
	c.fill(5, 1<<10)
	c.launch(writer.slot)
	c.formed(c.has["a"], c.has["b"], c.has["c"])
}
