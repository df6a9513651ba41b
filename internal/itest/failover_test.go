package itest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"
	"time"
)

// leader returns the peer that leads the others, as one of them reports.
func (c *Cluster) leader() *Peer {
	c.t.Helper()
	var leader *Peer
	Eventually(c.t, 20*time.Second, func() error {
		for _, p := range c.Peers {
			if !p.running {
				continue
			}
			body, err := p.Do("GET", "/health/consensus")
			if err != nil {
				return err
			}
			var answer struct{ Leader string }
			if err := json.Unmarshal(body, &answer); err != nil {
				return err
			}
			for _, q := range c.Peers {
				if q.ID == answer.Leader && q.running {
					leader = q
					return nil
				}
			}
		}
		return fmt.Errorf("no leader")
	})
	return leader
}

// others returns the running peers apart from p.
func (c *Cluster) others(p *Peer) []*Peer {
	var others []*Peer
	for _, q := range c.Peers {
		if q != p && q.running {
			others = append(others, q)
		}
	}
	return others
}

// The leader dies without warning: the others go on within seconds, and the dead one catches up when it returns.
func TestLeaderKilled(t *testing.T) {
	c := Start(t)
	before, err := c.Peers[0].Add([]byte("before the leader died"), "")
	if err != nil {
		t.Fatal(err)
	}
	c.Acked(before)

	leader := c.leader()
	c.Kill(leader)
	survivors := c.others(leader)
	content := []byte("added while the old leader is dead")
	began := time.Now()
	after, err := survivors[0].Add(content, "")
	if err != nil {
		t.Fatal(err)
	}
	took := time.Since(began)
	t.Logf("add through a survivor right after the kill took %s", took)
	if took > 5*time.Second {
		t.Errorf("add through a survivor took %s, more than 5 s", took)
	}
	c.Acked(after)

	c.Restart(leader)
	c.AwaitReady(leader)
	Eventually(t, 30*time.Second, func() error {
		got, err := leader.Fetch("/ipfs/" + after)
		if err == nil && !bytes.Equal(got, content) {
			err = fmt.Errorf("wrong content %q", got)
		}
		return err
	})
	Eventually(t, 30*time.Second, func() error { return leader.PinnedEverywhere(after, len(c.Peers)) })
}

// Every peer dies at once: what was acknowledged is there when they are back.
func TestAllKilled(t *testing.T) {
	c := Start(t)
	contents := make(map[string][]byte)
	for i := range 20 {
		content := fmt.Appendf(nil, "file %d", i)
		cid, err := c.Peers[i%len(c.Peers)].Add(content, "")
		if err != nil {
			t.Fatal(err)
		}
		c.Acked(cid)
		contents[cid] = content
	}
	for _, p := range c.Peers {
		c.Kill(p)
	}
	for _, p := range c.Peers {
		c.Restart(p)
	}
	began := time.Now()
	c.AwaitReady(c.Peers...)
	t.Logf("all peers ready %s after the restart", time.Since(began))
	for cid, content := range contents {
		for _, p := range c.Peers {
			got, err := p.Fetch("/ipfs/" + cid)
			if err != nil || !bytes.Equal(got, content) {
				t.Errorf("%s through %s: %q, %v", cid, p.Name, got, err)
			}
			Eventually(t, 30*time.Second, func() error { return p.PinnedEverywhere(cid, len(c.Peers)) })
		}
	}
}

// An orderly stop of the leader hands over, so that the others accept writes at once.
func TestLeaderStopped(t *testing.T) {
	c := Start(t)
	leader := c.leader()
	c.Stop(leader)
	began := time.Now()
	cid, err := c.others(leader)[0].Add([]byte("added right after a hand-over"), "")
	if err != nil {
		t.Fatal(err)
	}
	c.Acked(cid)
	t.Logf("add through another peer right after the stop took %s", time.Since(began))
	c.Restart(leader)
	c.AwaitReady(leader)
	Eventually(t, 30*time.Second, func() error { return leader.PinnedEverywhere(cid, len(c.Peers)) })
}
