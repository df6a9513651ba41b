package itest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"
)

// randomContent makes content that no other seed gives.
func randomContent(seed uint64, size int) []byte {
	content := make([]byte, size)
	random := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	_, _ = random.Read(content) // never fails
	return content
}

// received returns how many blocks the peer's node has got over bitswap, and not over the protocol between members.
func (p *Peer) received() (n int, err error) {
	out, err := p.RPC("bitswap/stat")
	if err != nil {
		return 0, err
	}
	var stat struct{ BlocksReceived int }
	return stat.BlocksReceived, json.Unmarshal([]byte(out), &stat)
}

func (p *Peer) expectNoBitswap(t *testing.T) { p.expectBitswap(t, 0) }

// expectBitswap fails the test if the peer's node has got more blocks over bitswap.
func (p *Peer) expectBitswap(t *testing.T, most int) {
	t.Helper()
	if n, err := p.received(); err != nil || n > most {
		t.Errorf("%s got %d blocks over bitswap, %v", p.Name, n, err)
	}
}

// repoSize returns how many bytes the peer's node stores.
func (p *Peer) repoSize() (n int, err error) {
	out, err := p.Own("repo/stat", "size-only=true")
	if err != nil {
		return 0, err
	}
	var stat struct{ RepoSize int }
	return stat.RepoSize, json.Unmarshal([]byte(out), &stat)
}

// What one peer has, pinned or not, is read through every other one, by command and by gateway.
func TestUnpinnedContentOfAnotherPeer(t *testing.T) {
	c := Start(t)
	for i, size := range []int{1, 5_000, 3 << 20} {
		content := randomContent(uint64(i), size)
		cid, err := c.Peers[0].Add(content, "pin=false&cid-version=1")
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		got, err := c.Peers[1].RPC("cat", cid)
		if err != nil || got != string(content) {
			t.Errorf("cat of %d bytes: %d bytes, %v", size, len(got), err)
		}
		t.Logf("%d bytes through another peer's cat: %s", size, time.Since(began).Round(time.Millisecond))
		if page, err := c.Peers[2].Fetch("/ipfs/" + cid); err != nil || !bytes.Equal(page, content) {
			t.Errorf("gateway, %d bytes: %d bytes, %v", size, len(page), err)
		}
	}
	c.Peers[1].expectNoBitswap(t)
	c.Peers[2].expectNoBitswap(t)
}

// A peer that sends the blocks of a pin dies, or hangs, in the middle: another one that has them goes on.
func TestHolderGoesInTheMiddle(t *testing.T) {
	t.Parallel() // it waits most of the time
	const size = 96 << 20
	for i, r := range []struct {
		how  string
		goes func(*Cluster, *Peer)
	}{
		{"dies", (*Cluster).Kill},
		{"hangs", (*Cluster).Pause},
	} {
		t.Run(r.how, func(t *testing.T) {
			c := Start(t, "--peers", "4") // so that a majority is left
			content := randomContent(uint64(100+i), size)
			var cid string
			for _, p := range c.Peers[:2] {
				var err error
				if cid, err = p.Add(content, "pin=false&cid-version=1"); err != nil {
					t.Fatal(err)
				}
			}
			reader := c.Peers[2]
			before, err := reader.repoSize()
			if err != nil {
				t.Fatal(err)
			}
			pinned := make(chan error, 1)
			go func() { _, err := reader.RPC("pin/add", cid); pinned <- err }()
			Eventually(t, time.Minute, func() error {
				if now, err := reader.repoSize(); err != nil || now < before+size/20 {
					return fmt.Errorf("%d bytes have come, %w", now-before, err)
				}
				return nil
			})
			r.goes(c, c.Peers[0])
			if err := <-pinned; err != nil {
				t.Fatalf("pin: %v", err)
			}
			c.Acked(cid)
			if got, err := reader.Own("cat", cid, "offline=true"); err != nil || got != string(content) {
				t.Errorf("what is pinned has %d bytes of %d, %v", len(got), size, err)
			}
		})
	}
}

// A peer that was away gets what it has missed from the others at once.
func TestPeerThatWasAwayCatchesUp(t *testing.T) {
	const large, files = 64 << 20, 300
	c := Start(t)
	away := c.Peers[2]
	c.Stop(away)
	var cids []string
	for i := range files + 1 {
		size := 4096
		if i == 0 {
			size = large
		}
		cid, err := c.Peers[i%2].Add(randomContent(uint64(1000+i), size), "cid-version=1")
		if err != nil {
			t.Fatal(err)
		}
		c.Acked(cid)
		cids = append(cids, cid)
	}
	c.Restart(away)
	c.AwaitReady(away)
	began := time.Now()
	for _, cid := range cids {
		Eventually(t, time.Minute, func() error {
			if body, err := away.Do(http.MethodGet, "/pins/"+cid+"?local=true"); err != nil || !bytes.Contains(body, []byte(`"pinned"`)) {
				return fmt.Errorf("%s: %s, %w", cid, body, err)
			}
			return nil
		})
	}
	t.Logf("%d MiB and %d small files fetched in %s", large>>20, files, time.Since(began).Round(time.Millisecond))
	away.expectBitswap(t, 16) // what its workers ask for while the nodes still connect
}
