package boottest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/underlay/underlay/internal/itest"
)

// A machine that hangs still has its volume. The one that shall replace it waits, and says for what, until EC2 says that the old one
// is gone; then it is the same member.
func TestOldInstanceHalfAlive(t *testing.T) {
	c := formCluster(t)
	c.fill(10, 1<<10)
	old := c.has["b"]
	before, err := c.self(old)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := old.run("systemctl", "kill", "--kill-whom=main", "--signal=STOP", "underlay.service"); err != nil {
		t.Fatal(err)
	}
	next := c.launch("b")
	next.awaitLog("cloud-final.service", "is still attached to "+old.id)
	if _, err := next.run("systemctl", "is-active", "underlay.service"); err == nil {
		t.Error("the new machine runs the service without its volume")
	}
	c.awaitBalanced("a", "c")
	c.fill(10, 1<<10) // the others are a majority
	if n := c.attempts(next); n != 0 {
		t.Errorf("the new machine has tried %d times to take the volume", n)
	}

	began := time.Now()
	c.setState(old, shuttingDown)
	old.crash()
	c.setState(old, terminated)
	c.measureReplacement("an instance that hung, from its end", next, began)
	if after, err := c.self(next); err != nil || after.ID != before.ID {
		t.Errorf("%s was replaced by %s, %v", before.ID, after.ID, err)
	}
	c.isOneCluster()
}

// awaitLog waits until a unit of the machine has logged a text.
func (i *instance) awaitLog(unit, text string) {
	i.t.Helper()
	itest.Eventually(i.t, patience, func() error { return i.says(unit, text) })
}

// A machine with a copy of a volume would be a member that runs already. It refuses to start and says why; the member and the cluster
// do not notice.
func TestClonedVolume(t *testing.T) {
	c := formCluster(t)
	c.fill(10, 1<<10)
	original := c.has["a"]
	started, err := original.serviceStart()
	if err != nil {
		t.Fatal(err)
	}
	clone := c.prepareAside("a", c.snapshot(original))
	writes := c.writes()
	clone.boot()
	clone.awaitLog("underlay.service", "another peer with the identity of this one is running already")
	writes.end()
	if _, err := c.signalOf("SlotA", clone); err == nil {
		t.Error("the clone has signalled that it takes part")
	}
	if again, err := original.serviceStart(); err != nil || !again.Equal(started) {
		t.Errorf("the original was started again at %s, %v", again, err)
	}
	c.isOneCluster()
	if strings.Contains(original.journal("underlay.service"), "running already") {
		t.Error("the original refuses, too")
	}
}

// A machine starts again without its volume. The peer does not start, and leaves nothing on the machine's own disk; with the volume it
// is the one that it was.
func TestVolumeMissing(t *testing.T) {
	c := newCluster(t)
	i := c.launch("a")
	c.waitsFor(i, 1)
	before, err := c.self(i)
	i.check(err)
	i.shutDown()
	i.await(patience)
	c.setState(i, stopped)
	c.takeVolumes(i)
	c.plugIn(i)
	i.boot()
	i.awaitLog("underlay.service", "asserts failed")
	if left, err := os.ReadDir(filepath.Join(i.root, "var/lib/underlay")); err != nil || len(left) > 0 {
		t.Errorf("on the machine's own disk are %v, %v", left, err)
	}

	_, err = i.run("systemd-run", "/usr/lib/underlay/aws-boot") // waits for the cluster
	i.check(err)
	c.waitsFor(i, 1)
	if after, err := c.self(i); err != nil || after.ID != before.ID {
		t.Errorf("%s is %s now, %v", before.ID, after.ID, err)
	}
}

// snapshot copies the volume of an instance as of one moment, while the peer runs.
func (c *cluster) snapshot(i *instance) *volume {
	c.t.Helper()
	const data = "/var/lib/underlay"
	_, err := i.run("fsfreeze", "--freeze", data)
	i.check(err)
	v := c.volume(i.slot, i.volume)
	_, err = i.run("fsfreeze", "--unfreeze", data)
	i.check(err)
	return v
}
