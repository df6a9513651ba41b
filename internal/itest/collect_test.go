package itest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// Clients add, pin and unpin through all peers, while every peer collects its garbage again and again: in the end every
// acknowledged pin is whole on every peer, and a last collection leaves nothing else.
func TestCollectionsUnderLoad(t *testing.T) {
	c := Start(t)
	start := c.startBlocks()
	lasts := time.Duration(scaled(5, 120)) * time.Second
	over := time.After(lasts)
	quit := make(chan struct{})
	s := &stress{t: t, quit: quit, random: seed(t), pinned: make(map[string]bool)}
	var all sync.WaitGroup
	for i, p := range c.Peers {
		all.Go(func() { s.collect(p) })
		for j := range 3 {
			all.Go(func() { s.write(p, c.others(p)[0], uint64(10*i+j)) })
		}
		all.Go(func() { s.addDirectories(p, i) })
	}
	<-over
	close(quit)
	all.Wait()
	t.Logf("%d adds and pins, %d unpins, %d directories, %d collections", s.pins, s.unpins, s.directories, s.collections)
	if s.collections < 3 || s.pins < 10 || s.directories < 3 {
		t.Error("that is too little to show anything")
	}
	for cid := range s.pinned {
		c.Acked(cid)
	}
	Eventually(t, time.Minute, func() error { _, err := c.checkWhole(); return err })
	Eventually(t, time.Minute, func() error { return c.checkCollected(start) })
	pins, err := c.Peers[0].Allocations()
	if err != nil {
		t.Fatal(err)
	}
	for cid := range pins {
		if !s.pinned[cid] && !s.unsure[cid] {
			t.Errorf("%s is pinned, and nobody pinned it", cid)
		}
	}
}

// stress remembers what its clients have pinned.
type stress struct {
	t      testing.TB
	quit   chan struct{}
	random uint64

	mu                                     sync.Mutex
	pinned                                 map[string]bool // acknowledged, and not unpinned
	unsure                                 map[string]bool // a failed request may have pinned it
	pins, unpins, directories, collections int
}

func (s *stress) goesOn() bool {
	select {
	case <-s.quit:
		return false
	default:
		return !s.t.Failed()
	}
}

func (s *stress) count(counter *int, cid string, pinned bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*counter++
	if pinned {
		s.pinned[cid] = true
	} else if cid != "" {
		delete(s.pinned, cid)
	}
}

func (s *stress) collect(p *Peer) {
	for s.goesOn() {
		if err := p.Collect(); err != nil {
			s.t.Error(err)
		}
		s.count(&s.collections, "", false)
	}
}

// write adds files, through p, or stores them there without a pin and pins them through other, and unpins half of them.
func (s *stress) write(p, other *Peer, stream uint64) {
	random := rand.New(rand.NewPCG(s.random, stream))
	for n := 0; s.goesOn(); n++ {
		content := make([]byte, 1+random.IntN(700_000))
		for i := range content {
			content[i] = byte(random.Uint32())
		}
		var cid string
		var err error
		if random.IntN(3) > 0 {
			cid, err = p.Add(content, "cid-version=1")
		} else if cid, err = p.PutBlock(content); err == nil {
			if _, err := other.RPC("pin/add", cid, "timeout=2s"); err != nil {
				s.mayBePinned(cid) // a collection was faster than the pin, as it may be
				continue
			}
		}
		if err != nil {
			s.t.Error(err)
			return
		}
		s.count(&s.pins, cid, true)
		if random.IntN(2) == 0 {
			if _, err := other.RPC("pin/rm", cid); err != nil {
				s.t.Errorf("unpin: %v", err)
			}
			s.count(&s.unpins, cid, false)
		}
	}
}

// mayBePinned notes what a failed request may have pinned all the same.
func (s *stress) mayBePinned(cid string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unsure == nil {
		s.unsure = make(map[string]bool)
	}
	s.unsure[cid] = true
}

// addDirectories adds directories of many files with kubo's own client: such an add lets collections pass in its middle.
func (s *stress) addDirectories(p *Peer, stream int) {
	dir := s.t.TempDir()
	for n := 0; s.goesOn(); n++ {
		for i := range 40 {
			content := fmt.Sprintf("%d, %d, %d, %d", s.random, stream, n, i)
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), []byte(content), 0o600); err != nil {
				s.t.Error(err)
				return
			}
		}
		s.count(&s.directories, lastLine(IPFS(s.t, "--api", Multiaddr(p.API), "add", "-r", "-Q", dir)), true)
	}
}

// A collection that runs while peers still fetch for a pin takes nothing of it.
func TestCollectionWhilePeersFetch(t *testing.T) {
	c := Start(t)
	start := c.startBlocks()
	content := make([]byte, scaled(24, 200)<<20)
	random := rand.New(rand.NewPCG(seed(t), 0))
	for i := range content {
		content[i] = byte(random.Uint32())
	}
	s := &stress{t: t, quit: make(chan struct{}), pinned: make(map[string]bool)}
	var collectors sync.WaitGroup
	for _, p := range c.Peers[1:] {
		collectors.Go(func() { s.collect(p) })
	}
	cid, err := c.Peers[0].Add(content, "cid-version=1&chunker=size-65536")
	close(s.quit)
	collectors.Wait()
	if err != nil {
		t.Fatal(err)
	}
	c.Acked(cid)
	t.Logf("%d collections on the other peers during the add", s.collections)

	// The same while one peer fetches what it is told to pin from another, which pins it only after that.
	d := dagShape{seed: uint64(len(content)), roots: 1, branches: scaled(2, 20), leaves: 200, size: 10_000}
	roots, err := c.Peers[0].importDAG(d, "pin-roots=false")
	if err != nil {
		t.Fatal(err)
	}
	s.quit = make(chan struct{})
	for _, p := range c.Peers[1:] {
		collectors.Go(func() { s.collect(p) })
	}
	_, err = c.Peers[1].RPC("pin/add", roots[0])
	close(s.quit)
	collectors.Wait()
	if err != nil {
		t.Fatal(err)
	}
	c.Acked(roots[0])
	Eventually(t, time.Minute, func() error { return c.checkCollected(start) })
	if _, err := c.checkWhole(); err != nil {
		t.Error(err)
	}
}

// A client that goes away leaves nothing behind, whatever it was doing.
func TestClientsThatGoAwayPinNothing(t *testing.T) {
	c := Start(t)
	b := c.Balance()
	start := c.startBlocks()
	absent := absentCID(t, "nobody has it")
	for _, api := range []string{c.Peers[0].API, b.API} {
		text := bytes.Repeat([]byte("half of it "), 200_000)
		for command, half := range map[string][]byte{
			"add?cid-version=1": text, "add?wrap-with-directory=true": text, "block/put?pin=true": text,
			"dag/put?pin=true": append([]byte{'"'}, text...), "dag/import?": halfCAR(t),
		} {
			cutUpload(t, api+"/api/v0/"+command, half)
		}
		for _, c := range []string{absent, c.storeBroken(api == b.API)} {
			cutRequest(t, api+"/api/v0/pin/add?arg="+c)
			cutRequest(t, api+"/api/v0/pin/add?progress=true&arg="+c)
		}
	}
	// The pin locks are free, so that collections run.
	for _, p := range c.Peers {
		if err := p.Collect(); err != nil {
			t.Error(err)
		}
	}
	// Of a block whose writing was cancelled boxo's cache of what is there may learn only at the next start.
	for _, p := range c.Peers {
		c.Stop(p)
		c.Restart(p)
	}
	c.AwaitReady(c.Peers...)
	Eventually(t, 20*time.Second, func() error { return c.checkCollected(start) })
	for _, p := range c.Peers {
		if pins, err := p.Allocations(); err != nil || len(pins) != 0 {
			t.Errorf("%s pins %v, %v", p.Name, pins, err)
		}
		if body, err := p.Do(http.MethodGet, "/pins?local=true"); err != nil || len(body) != 0 {
			t.Errorf("%s holds %s, %v", p.Name, body, err)
		}
	}
}

// storeBroken stores a root on some peer, behind the balancer or not, of which all leaves are missing everywhere.
func (c *Cluster) storeBroken(again bool) string {
	c.t.Helper()
	d := dagShape{seed: 99, roots: 1, branches: 1, leaves: 3, size: 100}
	if again {
		d.seed++
	}
	top, err := d.root(0)
	if err != nil {
		c.t.Fatal(err)
	}
	if _, err := c.Peers[0].Upload("block/put?cid-codec=dag-pb", top.RawData()); err != nil {
		c.t.Fatal(err)
	}
	return top.Cid().String()
}
