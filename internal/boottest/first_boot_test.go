package boottest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// Three machines that know nothing but their user data become one cluster, which the balancers serve: IPFS' RPC API on 5001, the
// cluster's REST API on 9095 and the gateway on 80.
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
	c.isOneCluster()
}
