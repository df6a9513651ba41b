package itest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
)

// A peer dies with its volume and its machine is terminated: a new one with an empty volume in the same slot takes its place.
// Then there is one cluster of three voters as before, and everything is held as often as before, also what was written
// meanwhile.
func TestReplaceLostVolume(t *testing.T) {
	c := Start(t)
	cloud := c.onEC2()
	old := c.others(c.leader())[0]
	slot := slices.Index(c.Peers, old)
	stay := slices.DeleteFunc(slices.Clone(c.Peers), func(p *Peer) bool { return p == old })
	const files = 20
	c.pinOn(files, 2, old)
	for i := range files {
		cid, err := c.Peers[i%3].Add(fmt.Appendf(nil, "everywhere %d", i), "")
		if err != nil {
			t.Fatal(err)
		}
		c.Acked(cid)
	}
	Eventually(t, time.Minute, func() error { return stay[0].checkHeld(c.Peers...) })

	l := startLoad(t, "replacement", through(stay, true, 100*time.Millisecond)...)
	c.Kill(old)
	cloud.set(func(e *ec2) { e.states["i-"+letter(slot)] = "terminated" })
	fresh := c.prepare("peer4", 0, 1, 2)
	c.place(fresh, cloud, letter(slot), "i-new")
	c.Restart(fresh)
	began := time.Now()
	c.AwaitReady(fresh)
	t.Logf("from start to ready: %s", time.Since(began).Round(time.Millisecond))
	status, err := fresh.consensus()
	if err != nil {
		t.Fatal(err)
	}
	fresh.ID = status.ID
	three := append(slices.Clone(stay), fresh)
	Eventually(t, time.Minute, func() error { return checkVoters(three...) })
	t.Logf("from start to three voters, the new one among them: %s", time.Since(began).Round(time.Millisecond))
	l.stop()
	Eventually(t, time.Minute, func() error { return stay[0].checkHeld(three...) })
	t.Logf("from start to everything held as often as before: %s", time.Since(began).Round(time.Millisecond))
	l.verify(three...)
	l.handOver(c)
	want, added := l.acknowledged()
	t.Logf("%d CIDs, %d of them files, acknowledged meanwhile; longest time without an acknowledged write %s",
		len(want), len(added), l.longestGap().Round(time.Millisecond))
	if failed := l.failed(); failed != nil {
		t.Errorf("the replacement cost writes: %s", strings.Join(failed, "\n"))
	}
}

func letter(slot int) string { return string(rune('a' + slot)) }

// checkVoters returns nil when exactly these peers are members, and each has a vote.
func checkVoters(peers ...*Peer) error {
	for _, p := range peers {
		s, err := p.consensus()
		if err != nil {
			return err
		}
		if !s.Voter || s.Leader == "" {
			return fmt.Errorf("%s has no vote yet: %+v", p.Name, s)
		}
		if err := p.seesAll(len(peers)); err != nil {
			return err
		}
	}
	return nil
}

// checkHeld returns nil when every pin is held by all who should hold it, these are of the given peers, and as many as the pin
// wants.
func (p *Peer) checkHeld(peers ...*Peer) error {
	all, err := p.statuses("")
	if err != nil {
		return err
	}
	for _, s := range all {
		pin, err := p.Allocation(s.Cid)
		if err != nil {
			return err
		}
		want, held := len(peers), 0
		if pin.ReplicationFactorMin > 0 {
			want = pin.ReplicationFactorMin
		}
		for id, info := range s.PeerMap {
			if !slices.ContainsFunc(peers, func(q *Peer) bool { return q.ID == id }) {
				return fmt.Errorf("%s is to be held by %s, which is not there: %v", s.Name, id, info)
			}
			if info.Status == api.TrackerStatusPinned.String() {
				held++
			}
		}
		if held != want {
			return fmt.Errorf("%s (%s) is held by %d peers, not by %d", s.Cid, s.Name, held, want)
		}
	}
	return nil
}

// A peer that does not answer while its machine runs, and one of which EC2 says nothing, keeps its place. The new peer of its
// slot waits without a vote, which status shows and the log says once for each reason; when the old one is back nothing has
// happened.
func TestNoReplacementOfTheLiving(t *testing.T) {
	t.Parallel() // it waits most of the time
	c := Start(t)
	cloud := c.onEC2()
	leader := c.leader()
	old := c.others(leader)[0]
	slot := letter(slices.Index(c.Peers, old))
	founders := slices.Clone(c.Peers)
	cid, err := leader.Add([]byte("held by three"), "")
	if err != nil {
		t.Fatal(err)
	}
	c.Acked(cid)
	c.Kill(old)
	fresh := c.prepare("peer4", 0, 1, 2)
	c.place(fresh, cloud, slot, "i-new")
	c.Restart(fresh)
	c.AwaitReady(fresh)

	c.awaitReason(leader, fresh, "i-"+slot+" is running")
	if out := c.shell().run("", "--api", leader.API, "status"); !strings.Contains(out.stdout, "no vote: the vote of slot "+slot) {
		t.Errorf("status does not say why the new peer has no vote:\n%s%s", out.stdout, out.stderr)
	}
	cloud.set(func(e *ec2) { e.mute = true })
	c.awaitReason(leader, fresh, "nobody is there")
	cloud.awaitQuestions(12) // of which each is asked several times
	log, err := os.ReadFile(filepath.Join(leader.dir, "underlay.log"))
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(log), "a new member waits for a vote"); n != 2 {
		t.Errorf("the log says %d times why the new peer has no vote, want one for each reason", n)
	}
	added, err := leader.Add([]byte("while the new one waits"), "")
	if err != nil {
		t.Fatal(err)
	}
	c.Acked(added)

	c.Restart(old)
	c.AwaitReady(old)
	for _, p := range founders {
		if s, err := p.consensus(); err != nil || !s.Voter {
			t.Errorf("%s: %+v, %v", p.Name, s, err)
		}
	}
	if s, err := fresh.consensus(); err != nil || s.Voter {
		t.Errorf("the new one: %+v, %v", s, err)
	}
}

// awaitQuestions waits until EC2 was asked so often while it gave no answer.
func (e *ec2) awaitQuestions(n int) {
	e.t.Helper()
	Eventually(e.t, time.Minute, func() error {
		e.mu.Lock()
		defer e.mu.Unlock()
		if e.asked < n {
			return fmt.Errorf("EC2 was asked %d times, not %d", e.asked, n)
		}
		return nil
	})
}

// awaitReason waits until the leader says why a new peer has no vote.
func (c *Cluster) awaitReason(leader, fresh *Peer, text string) {
	c.t.Helper()
	Eventually(c.t, time.Minute, func() error {
		self, err := fresh.consensus()
		if err != nil {
			return err
		}
		fresh.ID = self.ID
		s, err := leader.consensus()
		if err == nil && !strings.Contains(s.Waiting[fresh.ID], text) {
			err = fmt.Errorf("the leader says nothing of %q: %+v", text, s)
		}
		return err
	})
}

// Two of three volumes are lost, and new peers with empty ones come into their slots: nobody leads, so nobody is let in, removed
// or given a vote, whatever EC2 says; the new ones found no cluster of their own. The survivor goes on when it is told to
// recover, and then they join it.
func TestTwoVolumesLost(t *testing.T) {
	t.Parallel() // it waits most of the time
	c := Start(t)
	cloud := c.onEC2()
	cid, err := c.Peers[0].Add([]byte("on all three"), "")
	if err != nil {
		t.Fatal(err)
	}
	c.Acked(cid)
	survivor := c.Peers[0]
	Eventually(t, time.Minute, func() error { return survivor.PinnedEverywhere(cid, 3) })
	var fresh []*Peer
	c.KillAll(c.Peers[1], c.Peers[2])
	for i, slot := range []string{"b", "c"} {
		cloud.set(func(e *ec2) { e.states["i-"+slot] = "terminated" })
		p := c.prepare(fmt.Sprint("peer", 4+i), 0, 1, 2)
		c.place(p, cloud, slot, "i-new-"+slot)
		c.Restart(p)
		fresh = append(fresh, p)
		Eventually(t, time.Minute, func() error { return p.waitsFor("waiting for the first members to let this one in") })
	}
	before := time.Now()
	for _, p := range append(fresh, survivor) { // for longer than a replacement takes
		Eventually(t, time.Minute, func() error {
			if s, err := p.consensus(); err != nil || s.Leader != "" {
				t.Fatalf("%s without a majority: %+v, %v", p.Name, s, err)
			}
			if time.Since(before) < 20*time.Second {
				return fmt.Errorf("only %s have passed", time.Since(before))
			}
			return nil
		})
	}
	if got, err := survivor.Fetch("/ipfs/" + cid); err != nil || string(got) != "on all three" {
		t.Errorf("the survivor's gateway gives %q, %v", got, err)
	}

	c.Stop(survivor)
	if out, err := underlay(t, "recover-majority", "--data-dir", filepath.Join(survivor.dir, "data"), "--yes"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	c.Restart(survivor)
	began := time.Now()
	three := append(fresh, survivor)
	c.AwaitReady(three...)
	Eventually(t, time.Minute, func() error { return checkVoters(three...) })
	Eventually(t, time.Minute, func() error { return survivor.PinnedEverywhere(cid, 3) })
	t.Logf("from the recovery to three voters that hold everything: %s", time.Since(began).Round(time.Millisecond))
}

// waitsFor returns nil when a peer that is not ready gives this reason.
func (p *Peer) waitsFor(reason string) error {
	_, err := p.Do("GET", "/health")
	if err == nil || !strings.Contains(err.Error(), reason) {
		return fmt.Errorf("%s waits for nothing of %q: %w", p.Name, reason, err)
	}
	return nil
}
