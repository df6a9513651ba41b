package itest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// work is what a peer is killed at. prepare may store something on another peer; do asks the victim, and returns the CIDs
// of what it was told to pin, and an error unless all of it was acknowledged.
type work struct {
	name    string
	prepare func(source *Peer, d dagShape) error
	do      func(victim *Peer, d dagShape) ([]string, error)
}

func TestPeerDiesInAnAdd(t *testing.T) {
	diesAtWork(t, work{"add", nothing, func(victim *Peer, d dagShape) ([]string, error) {
		content := make([]byte, d.blocks()*d.size)
		random := rand.NewChaCha8([32]byte(fmt.Appendf(nil, "%032d", d.seed)))
		_, _ = random.Read(content)
		c, err := victim.Add(content, "cid-version=1")
		return []string{c}, err
	}}, dagShape{roots: 1, branches: 1, leaves: scaled(60, 800), size: 256 << 10}, scaled(2, 10))
}

func TestPeerDiesInAnImport(t *testing.T) {
	diesAtWork(t, work{"import", nothing, func(victim *Peer, d dagShape) ([]string, error) {
		return victim.importDAG(d, "")
	}}, dagShape{roots: 2, branches: 1, leaves: scaled(30, 400), size: 256 << 10}, scaled(2, 10))
}

func TestPeerDiesInAPin(t *testing.T) {
	diesAtWork(t, work{"pin", func(source *Peer, d dagShape) error {
		_, err := source.importDAG(d, "pin-roots=false")
		return err
	}, func(victim *Peer, d dagShape) ([]string, error) {
		roots, err := d.writeCAR(io.Discard)
		if err == nil {
			_, err = victim.RPC("pin/add", append(roots, "progress=true")...)
		}
		return roots, err
	}}, dagShape{roots: 1, branches: scaled(2, 500), leaves: 200, size: 100}, 2)
}

func nothing(*Peer, dagShape) error { return nil }

// diesAtWork kills peers at random moments while they work: what was acknowledged stays, nothing is pinned by half, and a
// garbage collection afterwards takes just what nobody pinned.
func diesAtWork(t *testing.T, w work, d dagShape, rounds int) {
	c := Start(t)
	start := c.startBlocks()
	for _, p := range c.Peers {
		p.http.Timeout = 15 * time.Minute // there is much to do
	}
	random := rand.New(rand.NewPCG(seed(t), 0))
	d.seed = random.Uint64()
	took, acked := c.undisturbed(w, d), 0
	for round := range rounds {
		d.seed = random.Uint64()
		if c.killAtWork(w, d, c.Peers[round%len(c.Peers)], time.Duration(random.Int64N(int64(took)*5/4))) {
			acked++
		}
		Eventually(t, 5*time.Minute, func() error { _, err := c.checkWhole(); return err })
		Eventually(t, time.Minute, func() error { return c.checkCollected(start) })
	}
	t.Logf("%s of %d blocks: %s undisturbed; killed %d times, %d acknowledged before", w.name, d.blocks(), took.Round(time.Millisecond), rounds, acked)
}

// undisturbed does the work once and returns how long it takes.
func (c *Cluster) undisturbed(w work, d dagShape) time.Duration {
	c.t.Helper()
	if err := w.prepare(c.Peers[1], d); err != nil {
		c.t.Fatal(err)
	}
	began := time.Now()
	cids, err := w.do(c.Peers[0], d)
	if err != nil {
		c.t.Fatalf("%s: %v", w.name, err)
	}
	took := time.Since(began)
	for _, cid := range cids {
		c.Acked(cid)
	}
	return took
}

// killAtWork kills the victim some time after it has begun to work, and starts it again. It tells whether the work was
// acknowledged before.
func (c *Cluster) killAtWork(w work, d dagShape, victim *Peer, after time.Duration) bool {
	c.t.Helper()
	if err := w.prepare(c.others(victim)[0], d); err != nil {
		c.t.Fatal(err)
	}
	type result struct {
		cids []string
		err  error
	}
	results := make(chan result, 1)
	strike := time.After(after)
	go func() {
		cids, err := w.do(victim, d)
		results <- result{cids, err}
	}()
	<-strike
	c.Kill(victim)
	got := <-results
	if got.err == nil {
		for _, cid := range got.cids {
			c.Acked(cid)
		}
	}
	c.t.Logf("%s: %s killed after %s: %v", w.name, victim.Name, after.Round(time.Millisecond), shorten(got.err))
	c.Restart(victim)
	c.AwaitReady(victim)
	return got.err == nil
}

func shorten(err error) string {
	if err == nil {
		return "acknowledged"
	}
	return fmt.Sprintf("%.80s", err.Error())
}

// Without a leader no command that pins succeeds, the answer says why, and nothing stays.
func TestNoLeaderLeavesNothing(t *testing.T) {
	if !faultMode() {
		t.Skip("waits until a commit gives up; runs in make fault")
	}
	c := Start(t)
	start := c.startBlocks()
	last := c.others(c.leader())[0] // a leader could not know at once that it is none any more
	block, err := last.PutBlock([]byte("stored, not pinned"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range c.others(last) {
		c.Kill(p)
	}
	Eventually(t, 20*time.Second, func() error { // or the first commit would be on its way to the old leader
		body, err := last.Do(http.MethodGet, "/health/consensus")
		var answer struct{ Leader string }
		if err == nil {
			err = json.Unmarshal(body, &answer)
		}
		if err == nil && answer.Leader != "" {
			err = fmt.Errorf("%s still knows of the leader %s", last.Name, answer.Leader)
		}
		return err
	})
	upload := func(command, content string) func() error {
		return func() error { _, err := last.Upload(command, []byte(content)); return err }
	}
	call := func(command string) func() error {
		return func() error { _, err := last.RPC(command, block); return err }
	}
	var all sync.WaitGroup
	for name, do := range map[string]func() error{
		"add": upload("add?", "one"), "add, wrapped": upload("add?w=true&progress=true", "two"),
		"block put": upload("block/put?pin=true", "three"), "dag put": upload("dag/put?pin=true", `"four"`),
		"pin add": call("pin/add"), "pin rm": call("pin/rm"), "pin ls": call("pin/ls"),
	} {
		all.Go(func() {
			began := time.Now()
			err := do()
			status, ok := errors.AsType[*StatusError](err)
			seen := name == "add, wrapped" // its progress has gone out before, so the error is in the trailer
			if err == nil || !strings.Contains(err.Error(), "no leader") || !seen && !ok || ok && status.Code != http.StatusServiceUnavailable {
				t.Errorf("%s: %v", name, err)
			}
			took := time.Since(began)
			if took > 30*time.Second { // a commit waits 20 s for a leader, and so does a read
				t.Errorf("%s waits for two leaders", name)
			}
			t.Logf("%s refused after %s", name, took.Round(time.Millisecond))
		})
	}
	d := dagShape{seed: 5, roots: 2, branches: 1, leaves: 2, size: 1000}
	if _, err := last.importDAG(d, ""); err == nil || strings.Count(err.Error(), "no leader") != d.roots { // kubo's form: one line for each root
		t.Errorf("dag import: %v", err)
	}
	all.Wait()
	for _, p := range c.Peers {
		if !p.running {
			c.Restart(p)
		}
	}
	c.AwaitReady(c.Peers...)
	Eventually(t, 20*time.Second, func() error { return c.checkCollected(start) })
	if pins, err := last.Allocations(); err != nil || len(pins) != 0 {
		t.Errorf("pinned: %v, %v", pins, err)
	}
}
