package itest

import (
	"errors"
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
	again := time.Now()
	Eventually(t, time.Minute, func() error { // a few questions later
		if time.Since(again) < 25*time.Second {
			return errors.New("too early to tell")
		}
		return nil
	})
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
