package itest

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// newcomer starts a further peer that is told the addresses of the members at. It is none of the cluster's first members.
func (c *Cluster) newcomer(name string, at ...int) *Peer {
	c.t.Helper()
	p := c.prepare(name, at...)
	c.Restart(p)
	return p
}

// prepare makes a newcomer that is yet to be started.
func (c *Cluster) prepare(name string, at ...int) *Peer {
	c.t.Helper()
	secret, err := os.ReadFile(filepath.Join(c.Dir, "secret"))
	if err != nil {
		c.t.Fatal(err)
	}
	var addrs []string
	for _, n := range at {
		addrs = append(addrs, c.clusterAddr(n))
	}
	base := FreePorts(c.t)
	url := func(offset int) string { return fmt.Sprintf("http://127.0.0.1:%d", base+offset) }
	p := &Peer{Name: name, dir: filepath.Join(c.Dir, name), http: newClient(), Gateway: url(80), API: url(95), REST: url(94), PSA: url(97)}
	if err := os.MkdirAll(p.dir, 0o700); err != nil {
		c.t.Fatal(err)
	}
	settings := fmt.Sprintf(`name: %s
data_dir: %s
public_network: false
gateway: {listen: "127.0.0.1:%d"}
api: {listen: "127.0.0.1:%d", rest_listen: "127.0.0.1:%d"}
psa: {listen: "127.0.0.1:%d"}
cluster: {listen: "127.0.0.1:%d", secret: %s, peers: [%s]}
ipfs: {Addresses: {Swarm: ["/ip4/127.0.0.1/tcp/%d"]}}
`, name, filepath.Join(p.dir, "data"), base+80, base+95, base+94, base+97, base+96, secret, strings.Join(addrs, ", "), base+1)
	for file, content := range map[string]string{"underlay.yaml": settings, "underlay.log": ""} {
		if err := os.WriteFile(filepath.Join(p.dir, file), []byte(content), 0o600); err != nil {
			c.t.Fatal(err)
		}
	}
	c.Peers = append(c.Peers, p)
	return p
}

// consensusStatus is what a peer says of its part in the consensus.
type consensusStatus struct {
	ID      string
	Leader  string
	Voter   bool
	Waiting map[string]string
}

func (p *Peer) consensus() (consensusStatus, error) {
	var s consensusStatus
	body, err := p.Do("GET", "/health/consensus")
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal(body, &s)
}

// A new peer that knows the address of any one member joins by itself, catches up, gets the content, and then a vote. When
// it is removed, it is told so and stays out, until an operator lets it in again.
func TestJoinAndRemove(t *testing.T) {
	t.Parallel() // it waits most of the time
	c := Start(t)
	cid, err := c.Peers[0].Add([]byte("there before the fourth peer"), "")
	if err != nil {
		t.Fatal(err)
	}
	c.Acked(cid)
	fourth := c.newcomer("peer4", 1)
	began := time.Now()
	c.AwaitReady(fourth)
	t.Logf("ready %s after its start", time.Since(began))
	Eventually(t, 30*time.Second, func() error { return fourth.PinnedEverywhere(cid, 4) })
	Eventually(t, 40*time.Second, func() error {
		status, err := fourth.consensus()
		if err == nil && !status.Voter {
			err = fmt.Errorf("no vote yet: %+v", status)
		}
		fourth.ID = status.ID
		return err
	})
	t.Logf("a voter %s after its start", time.Since(began))

	if _, err := c.Peers[2].Do("DELETE", "/peers/"+fourth.ID); err != nil {
		t.Fatal(err)
	}
	c.awaitRefusal(fourth)
	c.Restart(fourth)
	c.awaitRefusal(fourth) // it does not get in again by itself

	if _, err := c.Peers[0].post("/peers", `{"peer_id":"`+fourth.ID+`"}`); err != nil {
		t.Logf("the peer that was let in cannot be asked yet: %v", err)
	}
	c.Restart(fourth)
	c.AwaitReady(fourth)
}

// awaitRefusal waits until a peer ends by itself because it was removed.
func (c *Cluster) awaitRefusal(p *Peer) {
	c.t.Helper()
	done := make(chan struct{})
	go func(cmd *exec.Cmd) {
		defer close(done)
		_ = cmd.Wait() // the exit code tells
	}(p.again)
	select {
	case <-done:
	case <-time.After(40 * time.Second):
		c.t.Fatalf("%s goes on although it was removed", p.Name)
	}
	code := p.again.ProcessState.ExitCode()
	p.again, p.running = nil, false
	raw, err := os.ReadFile(filepath.Join(p.dir, "underlay.log"))
	if err != nil || code != 1 || !strings.Contains(string(raw), "was removed from its cluster") {
		c.t.Errorf("%s ended with code %d: %v\n%s", p.Name, code, err, raw)
	}
}

// Peers that come back at new addresses are found again although all settings still name the old ones: the address book
// knows where everybody was last, and whoever moved tells the others.
func TestNewAddresses(t *testing.T) {
	c := Start(t)
	cid, err := c.Peers[0].Add([]byte("before the move"), "")
	if err != nil {
		t.Fatal(err)
	}
	c.Acked(cid)
	for _, n := range []int{1, 0, 2} {
		p := c.Peers[n]
		c.Stop(p)
		c.move(p)
		c.Restart(p)
		began := time.Now()
		c.AwaitReady(p)
		t.Logf("%s is back at a new address %s after its start", p.Name, time.Since(began))
		moved := time.Now()
		for _, q := range c.Peers {
			Eventually(t, 30*time.Second, func() error { return q.seesAll(3) })
		}
		t.Logf("everybody is in touch with everybody after %s", time.Since(moved))
	}
}

// seesAll returns nil when the peer reaches n members, itself included.
func (p *Peer) seesAll(n int) error {
	body, err := p.Do("GET", "/peers")
	if err != nil {
		return err
	}
	reached := 0
	for line := range strings.Lines(string(body)) {
		var id struct{ ID, Error string }
		if err := json.Unmarshal([]byte(line), &id); err != nil {
			return err
		}
		if id.Error == "" {
			reached++
		}
	}
	if reached != n {
		return fmt.Errorf("%s reaches %d peers, want %d:\n%s", p.Name, reached, n, body)
	}
	return nil
}

// move gives a stopped peer another port in the private network.
func (c *Cluster) move(p *Peer) {
	c.t.Helper()
	file := filepath.Join(p.dir, "underlay.yaml")
	raw, err := os.ReadFile(file)
	if err != nil {
		c.t.Fatal(err)
	}
	before, after, ok := strings.Cut(string(raw), "cluster:\n    listen: ")
	_, rest, ok2 := strings.Cut(after, "\n")
	if !ok || !ok2 {
		c.t.Fatalf("settings of %s have no cluster.listen:\n%s", p.Name, raw)
	}
	moved := fmt.Sprintf("%scluster:\n    listen: 127.0.0.1:%d\n%s", before, FreePorts(c.t)+96, rest)
	if err := os.WriteFile(file, []byte(moved), 0o600); err != nil {
		c.t.Fatal(err)
	}
}
