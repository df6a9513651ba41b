package boottest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Three machines that know nothing but their user data become one cluster, which the balancers serve: IPFS' RPC API on 5001, the
// cluster's REST API on 9095 and the gateway on 80. Each saves the pinset to the bucket of the stack.
func TestFormCluster(t *testing.T) {
	c := newCluster(t)
	var booted [3]time.Time
	for n, slot := range slots() {
		booted[n] = c.launch(slot).booted
	}
	for n, slot := range slots() {
		ready := c.awaitSignal("Formed", c.has[slot])
		c.figure("first boot of three at once, slot %s: %s from launch to ready", slot, seconds(ready.Sub(booted[n])))
	}
	c.awaitBalanced(slots()...)

	content := bytes.Repeat([]byte("content "), 1<<17)
	cid, err := c.add(rpcURL, content)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := c.get(gatewayURL + "/ipfs/" + cid); err != nil || !bytes.Equal(got, content) {
		t.Errorf("the gateway has %d bytes, %v", len(got), err)
	}
	raw, err := c.get(restURL + "/allocations/" + cid)
	var pin struct {
		Cid string `json:"cid"`
	}
	if err != nil || json.Unmarshal(raw, &pin) != nil || pin.Cid != cid {
		t.Errorf("the REST API says %s, %v", raw, err)
	}
	for _, slot := range slots() {
		if me, err := c.self(c.has[slot]); err != nil || me.Peername != clusterName+"-"+slot || !strings.Contains(c.genesis(), me.ID) {
			t.Errorf("slot %s is %+v, %v; the first members are %s", slot, me, err, c.genesis())
		}
		if got, err := c.has[slot].run("cat", "/var/lib/underlay/member.json"); err != nil ||
			got != fmt.Sprintf(`{"cluster":"%s","slot":"%s"}`+"\n", clusterName, slot) {
			t.Errorf("slot %s has %s, %v", slot, got, err)
		}
	}
	c.savesPinset(c.has["a"])
	c.isOneCluster()
}

// savesPinset lets an instance do what its timer makes it do every hour, and restores what that has put into the bucket.
func (c *cluster) savesPinset(i *instance) {
	c.t.Helper()
	if _, err := i.run("systemctl", "is-active", "underlay-backup.timer"); err != nil {
		c.t.Errorf("nothing saves the pinset every hour: %v", err)
	}
	_, err := i.run("systemctl", "start", "underlay-backup.service") // returns when it has ended
	i.check(err)
	saved, err := c.object("backups/" + clusterName + "/")
	i.check(err)
	for cid := range c.acknowledged() {
		_, err := c.do(http.MethodDelete, restURL+"/pins/"+cid, "", nil)
		i.check(err)
	}
	if _, err := c.do(http.MethodPost, restURL+"/restore", "", bytes.NewReader(saved)); err != nil {
		c.t.Errorf("the pinset that %s has saved cannot be restored: %v", i.id, err)
	}
}
