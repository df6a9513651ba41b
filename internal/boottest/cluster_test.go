package boottest

import (
	"fmt"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/underlay/underlay/internal/itest"
)

// patience is for what takes seconds, on a machine that has a lot to do.
const patience = 4 * time.Minute

// slots are the slots of a cluster, which the template calls a, b and c.
func slots() []string { return []string{"a", "b", "c"} }

// cluster is what the template makes: a volume for each slot, and an instance that has it; load balancers before them.
type cluster struct {
	t *testing.T
	*region
	balancer *balancer
	client   *http.Client
	userData string

	volumeOf map[string]*volume
	has      map[string]*instance // whom the group of a slot has started last

	pins     sync.Mutex
	contents map[string][]byte // of acknowledged pins, by CID
}

// newCluster makes a cluster without instances.
func newCluster(t *testing.T) *cluster {
	t.Helper()
	need(t)
	c := &cluster{
		t: t, region: openRegion(t), balancer: startBalancer(t), client: &http.Client{Timeout: 30 * time.Second},
		volumeOf: make(map[string]*volume), has: make(map[string]*instance), contents: make(map[string][]byte),
	}
	for _, slot := range slots() {
		c.volumeOf[slot] = c.volume(slot, nil)
	}
	c.release(os.Getenv(packageVar))
	return c
}

// formCluster makes a cluster and waits until its stack would be made.
func formCluster(t *testing.T) *cluster {
	t.Helper()
	c := newCluster(t)
	for _, slot := range slots() {
		c.launch(slot)
	}
	for _, slot := range slots() {
		c.awaitSignal("Formed", c.has[slot])
	}
	c.awaitBalanced(slots()...)
	return c
}

// release makes a package the one that instances install from now on.
func (c *cluster) release(file string) {
	c.t.Helper()
	sum := sumOf(c.t, file)
	path := "/packages/" + sum + ".deb"
	c.region.mu.Lock()
	defer c.region.mu.Unlock()
	c.packages[path] = file
	c.userData = userData(c.t, "http://"+regionAddr+path, sum)
}

// launch starts a new instance for a slot, with the volume that the slot has now.
func (c *cluster) launch(slot string) *instance {
	c.t.Helper()
	i := c.prepare(slot)
	i.boot()
	return i
}

// prepare makes a new instance for a slot and plugs it in.
func (c *cluster) prepare(slot string) *instance {
	c.t.Helper()
	i := c.prepareAside(slot, c.volumeOf[slot])
	c.has[slot] = i
	c.balancer.register(i)
	return i
}

// prepareAside makes an instance with a volume of its own, which the slot's group knows nothing of.
func (c *cluster) prepareAside(slot string, v *volume) *instance {
	c.t.Helper()
	c.region.mu.Lock()
	i := newInstance(c.t, len(c.instances)+1, slot, v, c.userData)
	c.instances[i.id] = i
	c.region.mu.Unlock()
	c.plugIn(i)
	return i
}

// plugIn gives an instance that is off an address that was never used before. From now on it is running, as EC2 sees it.
func (c *cluster) plugIn(i *instance) {
	c.t.Helper()
	c.region.mu.Lock()
	defer c.region.mu.Unlock()
	c.addrs++
	i.addr, i.state = fmt.Sprintf("10.77.1.%d", c.addrs), running
	i.check(i.plugIn())
}

// terminate ends an instance as EC2 does: it shuts down, and then its volume is free.
func (c *cluster) terminate(i *instance) {
	c.t.Helper()
	c.setState(i, shuttingDown)
	i.shutDown()
	i.await(patience)
	c.setState(i, terminated)
}

// replace ends the instance of a slot, and starts another one when it is gone, as the slot's group does.
func (c *cluster) replace(slot string) *instance {
	c.t.Helper()
	c.terminate(c.has[slot])
	return c.launch(slot)
}

// awaitSignal waits until an instance has told the stack that it takes part, and returns when it did.
func (c *cluster) awaitSignal(resource string, i *instance) time.Time {
	c.t.Helper()
	var at time.Time
	itest.Eventually(c.t, patience, func() (err error) {
		at, err = c.signalOf(resource, i)
		return err
	})
	return at
}

// awaitBalanced waits until the balancers send requests to the instances of the slots.
func (c *cluster) awaitBalanced(slots ...string) {
	c.t.Helper()
	for _, slot := range slots {
		itest.Eventually(c.t, patience, func() error { return c.balancer.up(slot) })
	}
}

// figure prints what was measured.
func (c *cluster) figure(format string, args ...any) {
	c.t.Helper()
	c.t.Logf("FIGURE "+format, args...)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
