package itest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ipfs/boxo/ipld/merkledag"
	ipld "github.com/ipfs/go-ipld-format"
)

// trip writes through one peer and reads at once through another; label tells one trip from all others. It leaves nothing
// pinned, and checks that too.
type trip struct {
	name string
	do   func(writer, reader *Peer, label string) error
}

var errStale = fmt.Errorf("the reader does not see what the writer was told")

// reads asks the reader and wants an answer that contains text.
func (p *Peer) reads(text, command string, args ...string) error {
	got, err := p.RPC(command, args...)
	if err == nil && !strings.Contains(got, text) {
		err = fmt.Errorf("%w: %s %v answers %q", errStale, command, args, got)
	}
	return err
}

// readsPin wants c pinned as kind, with everything that pin ls says of that.
func (p *Peer) readsPin(c, kind string) error {
	for _, filter := range []string{kind, "all"} {
		if err := p.reads(fmt.Sprintf(`"%s":{"Type":"%s"`, c, kind), "pin/ls", c, "type="+filter); err != nil {
			return err
		}
	}
	return nil
}

// readsNoPin wants c not to be pinned by itself.
func (p *Peer) readsNoPin(c string) error {
	got, err := p.RPC("pin/ls", c, "type=recursive")
	if err == nil {
		return fmt.Errorf("%w: still pinned: %s", errStale, got)
	}
	if !strings.Contains(err.Error(), "is not pinned") {
		return err
	}
	return nil
}

// unpins removes a pin through p, of which other must know at once.
func (p *Peer) unpins(other *Peer, cids ...string) error {
	for _, c := range cids {
		if _, err := p.RPC("pin/rm", c); err != nil {
			return err
		}
		if err := other.readsNoPin(c); err != nil {
			return err
		}
	}
	return nil
}

// steps runs until one fails.
func steps(all ...func() error) error {
	for _, step := range all {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

var trips = []trip{
	{"add", func(w, r *Peer, label string) error {
		content := strings.Repeat(label, 400_000/len(label)) // two blocks
		c, err := w.Add([]byte(content), "cid-version=1&pin-name="+label)
		if err != nil {
			return err
		}
		return steps(
			func() error { return r.readsPin(c, "recursive") },
			func() error { return r.reads(`"Name":"`+label+`"`, "pin/ls", c, "names=true") },
			func() error { return r.reads(content, "cat", c) },
			func() error { return r.reads(`"Ref":"`, "refs", c) },
			func() error { return r.unpins(w, c) },
		)
	}},
	{"pin add and rm", func(w, r *Peer, label string) error {
		c, err := w.PutBlock([]byte(label))
		if err != nil {
			return err
		}
		return steps(
			func() error { return r.readsNoPin(c) },
			func() error { _, err := w.RPC("pin/add", c); return err },
			func() error { return r.readsPin(c, "recursive") },
			func() error { return w.unpins(r, c) },
			func() error { _, err := w.RPC("pin/add", c, "recursive=false"); return err },
			func() error { return r.readsPin(c, "direct") },
			func() error { return w.unpins(r, c) },
		)
	}},
	{"pin update", func(w, r *Peer, label string) error {
		from, err := w.Add([]byte(label+" from"), "cid-version=1&pin-name="+label)
		if err != nil {
			return err
		}
		to, err := r.PutBlock([]byte(label + " to"))
		if err != nil {
			return err
		}
		return steps(
			func() error { _, err := w.RPC("pin/update", from, to); return err },
			func() error { return r.readsPin(to, "recursive") },
			func() error { return r.readsNoPin(from) },
			func() error { return r.reads(`"Name":"`+label+`"`, "pin/ls", to, "names=true") },
			func() error { return r.unpins(w, to) },
		)
	}},
	{"dag import", func(w, r *Peer, label string) error {
		d := dagShape{roots: 2, branches: 1, leaves: 2, size: 300}
		for _, b := range []byte(label) {
			d.seed = d.seed*131 + uint64(b)
		}
		roots, err := w.importDAG(d, "")
		if err != nil {
			return err
		}
		for _, c := range roots {
			if err := r.readsPin(c, "recursive"); err != nil {
				return err
			}
			refs, err := r.RPC("refs", c, "recursive=true")
			if err != nil || strings.Count(refs, `"Ref"`) != 3 {
				return fmt.Errorf("%w: refs %q, %w", errStale, refs, err)
			}
		}
		return r.unpins(w, roots...)
	}},
	{"block put", func(w, r *Peer, label string) error {
		answer, err := w.Upload("block/put?pin=true", []byte(label))
		if err != nil {
			return err
		}
		var put struct{ Key string }
		if err := json.Unmarshal(answer, &put); err != nil {
			return err
		}
		return steps(
			func() error { return r.readsPin(put.Key, "recursive") },
			func() error { return r.reads(fmt.Sprintf(`"Size":%d`, len(label)), "block/stat", put.Key) },
			func() error { return r.reads(label, "block/get", put.Key) },
			func() error { return r.unpins(w, put.Key) },
		)
	}},
	{"dag put", func(w, r *Peer, label string) error {
		answer, err := w.Upload("dag/put?pin=true", fmt.Appendf(nil, `{"label":%q}`, label))
		if err != nil {
			return err
		}
		var put struct {
			Cid struct {
				Link string `json:"/"`
			}
		}
		if err := json.Unmarshal(answer, &put); err != nil {
			return err
		}
		c := put.Cid.Link
		return steps(
			func() error { return r.readsPin(c, "recursive") },
			func() error { return r.reads(label, "dag/get", c+"/label") },
			func() error { return r.unpins(w, c) },
		)
	}},
}

// What was answered through one peer is seen at once through every other, and through the load balancer.
func TestWriteHereReadThere(t *testing.T) {
	c := Start(t)
	balanced := []*Peer{c.balanced()}
	for _, clients := range []int{scaled(6, 16), 1} {
		for name, peers := range map[string][]*Peer{"peers": c.Peers, "balancer": balanced} {
			for _, trip := range trips {
				began := time.Now()
				count := scaled(6, 1000)
				if err := travel(trip, peers, clients, count); err != nil {
					t.Fatalf("%s through the %s, %d clients: %v", trip.name, name, clients, err)
				}
				t.Logf("%s through the %s, %d clients: %d times in %s", trip.name, name, clients, count, time.Since(began).Round(time.Millisecond))
			}
		}
	}
}

// balanced is the load balancer as if it were a peer.
func (c *Cluster) balanced() *Peer {
	b := c.Balance()
	return &Peer{Name: "the balancer", API: b.API, REST: b.API, Gateway: b.Gateway, http: b.Client}
}

// travel makes count trips, clients at a time, between different peers if there are several.
func travel(trip trip, peers []*Peer, clients, count int) error {
	var all sync.WaitGroup
	numbers, failed := make(chan int), make(chan error, clients)
	for range clients {
		all.Go(func() {
			for n := range numbers {
				w, r := peers[n%len(peers)], peers[(n+1+n/len(peers)%2)%len(peers)]
				label := fmt.Sprintf("%s-%d-%d-%s", bytes.ReplaceAll([]byte(trip.name), []byte(" "), nil), n, clients, strings.ReplaceAll(w.Name, " ", ""))
				if err := trip.do(w, r, label); err != nil {
					failed <- fmt.Errorf("from %s to %s, %s: %w", w.Name, r.Name, label, err)
					return
				}
			}
		})
	}
	var err error
	for n := 0; n < count && err == nil; n++ {
		select {
		case numbers <- n:
		case err = <-failed:
		}
	}
	close(numbers)
	all.Wait()
	close(failed)
	if err == nil {
		err = <-failed
	}
	return err
}

// An import pins each root whose DAG is whole, wherever in the cluster its blocks are, and none if it shall not.
func TestImportOfAPartialCAR(t *testing.T) {
	c := Start(t)
	d := dagShape{seed: 3, roots: 3, branches: 2, leaves: 5, size: 2000}
	roots, err := c.Peers[1].importDAG(d, "pin-roots=false")
	if err != nil {
		t.Fatal(err)
	}
	for _, root := range roots {
		if err := c.Peers[2].readsNoPin(root); err != nil {
			t.Error(err)
		}
	}
	d.partial = true
	if _, err := c.Peers[0].importDAG(d, ""); err != nil {
		t.Fatal(err)
	}
	for _, root := range roots {
		c.Acked(root)
		if err := c.Peers[2].readsPin(root, "recursive"); err != nil {
			t.Error(err)
		}
	}
	Eventually(t, time.Minute, func() error { _, err := c.checkWhole(); return err })
}

// A node that is stored and pinned through one peer, above a block that was stored through another, is held whole.
func TestPinnedNodeAboveABlockElsewhere(t *testing.T) {
	c := Start(t)
	for name, put := range map[string]func(p *Peer, below string) ([]byte, error){
		"dag put": func(p *Peer, below string) ([]byte, error) {
			return p.Upload("dag/put?pin=true", fmt.Appendf(nil, `{"below":{"/":%q}}`, below))
		},
		"block put": func(p *Peer, _ string) ([]byte, error) {
			node, err := parent([]ipld.Node{merkledag.NewRawNode([]byte("block put"))})
			if err != nil {
				return nil, err
			}
			return p.Upload("block/put?pin=true&cid-codec=dag-pb", node.RawData())
		},
	} {
		below, err := c.Peers[0].PutBlock([]byte(name))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := put(c.Peers[1], below); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, p := range c.Peers {
			Eventually(t, 20*time.Second, func() error { return p.Whole(below) })
			if err := p.Collect(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}
