package itest

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// complaints are the warnings and errors that a peer has logged since it had logged so many lines.
func (p *Peer) complaints(t *testing.T, since int) (told []string) {
	t.Helper()
	for _, l := range p.logged(t)[since:] {
		if l["level"] == "WARN" || l["level"] == "ERROR" {
			told = append(told, fmt.Sprint(l["logger"], ": ", l["msg"], " ", l["error"]))
		}
	}
	return told
}

// A peer that dies is told of once, by the leader; a leader that dies, once by each of the others.
func TestOneLineForOneFailure(t *testing.T) {
	c := Start(t, "--config", jsonLogs(t))
	first := c.leader()
	rest := slices.DeleteFunc(slices.Clone(c.Peers), func(p *Peer) bool { return p == first })
	before := make(map[*Peer]int)
	mark := func() {
		for _, p := range c.Peers {
			before[p] = len(p.logged(t))
		}
	}
	// work makes the peers try to reach the one that has died, again and again.
	work := func(peers ...*Peer) {
		for i := range 40 {
			Eventually(t, 30*time.Second, func() error {
				cid, err := peers[i%len(peers)].Add(fmt.Appendf(nil, "work %d %d", i, len(before)), "")
				if err == nil {
					c.Acked(cid)
				}
				return err
			})
		}
	}
	// expect waits until the failure was told.
	expect := func(what string, p *Peer, want ...string) {
		t.Helper()
		if len(want) > 0 {
			Eventually(t, 20*time.Second, func() error {
				if told := p.complaints(t, before[p]); len(told) < len(want) {
					return fmt.Errorf("%s: %s says %q", what, p.Name, told)
				}
				return nil
			})
		}
		if told := p.complaints(t, before[p]); !slices.Equal(told, want) {
			t.Errorf("%s: %s says %q, want %q", what, p.Name, told, want)
		}
	}
	mark()
	c.Kill(rest[0])
	work(first, rest[1])
	expect("a follower has died", first, "underlay/consensus: a member does not answer <nil>")
	expect("a follower has died", rest[1])
	mark()
	c.Restart(rest[0])
	c.AwaitReady(rest[0])
	expect("a follower is back", first)

	mark()
	c.Kill(first)
	work(rest...)
	next := c.leader()
	for _, p := range rest {
		want := []string{"underlay/consensus: the cluster has no leader <nil>"}
		if p == next {
			want = append(want, "underlay/consensus: a member does not answer <nil>")
		}
		expect("the leader has died", p, want...)
	}
	c.Restart(first)
	c.AwaitReady(first)
}
