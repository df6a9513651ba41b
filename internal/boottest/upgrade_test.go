package boottest

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"
)

// The slots change to another release one after the other, and back, while clients read and write. No request fails, and in between
// one cluster has peers of both releases.
func TestRollingUpgradeAndBack(t *testing.T) {
	c := newCluster(t)
	current, previous := os.Getenv(packageVar), os.Getenv(previousVar)
	if previous == "" {
		t.Skip("this clone does not have the commit of the previous release; PREVIOUS=COMMIT names another one")
	}
	c.release(previous)
	for _, slot := range slots() {
		c.launch(slot)
	}
	c.formed(c.has["a"], c.has["b"], c.has["c"])
	c.fill(50, 64<<10)
	old := c.program("a")

	reads, writes := c.reads(), c.writes()
	c.release(current)
	c.roll("upgrade")
	if c.program("a") == old {
		t.Fatal("both releases are the same program")
	}
	c.release(previous)
	c.roll("way back")
	if got := c.program("c"); got != old {
		t.Errorf("after the way back the program is %s and not %s", got, old)
	}
	reads.end()
	writes.end()
	c.isOneCluster()
}

// roll replaces one instance after the other, each when the one before takes part again.
func (c *cluster) roll(what string) {
	c.t.Helper()
	began := time.Now()
	for _, slot := range slots() {
		i := c.replace(slot)
		c.awaitSignal("Slot"+strings.ToUpper(slot), i)
		c.awaitBalanced(slot)
		if slot == "b" && c.program("b") == c.program("c") {
			c.t.Error("there are no two releases in the cluster")
		}
	}
	c.figure("%s of three slots, one after the other: %s", what, seconds(time.Since(began)))
}

// program tells one program from another on the machine of a slot.
func (c *cluster) program(slot string) string {
	c.t.Helper()
	sum, err := c.has[slot].run("sha256sum", "/usr/bin/underlay")
	if err == nil && len(strings.Fields(sum)) == 0 {
		err = errors.New("it has no program")
	}
	c.has[slot].check(err)
	return strings.Fields(sum)[0]
}
