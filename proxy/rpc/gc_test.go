package rpc

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/go-cid"
	corecommands "github.com/ipfs/kubo/core/commands"

	"github.com/underlay/underlay/proxy/fault"
	"github.com/underlay/underlay/proxy/member"
	"github.com/underlay/underlay/proxy/proxytest"
)

// collected reads the answer of a collection: how often each block was reported, and the errors in between.
func collected(t *testing.T, body string) (keys map[string]int, errs []string) {
	t.Helper()
	keys = make(map[string]int)
	dec := json.NewDecoder(strings.NewReader(body))
	for {
		var result corecommands.GcResult
		if err := dec.Decode(&result); err == io.EOF {
			return keys, errs
		} else if err != nil {
			t.Fatalf("decode %q: %v", body, err)
		}
		if result.Error != "" {
			errs = append(errs, result.Error)
			continue
		}
		keys[string(result.Key.Hash())]++
	}
}

func times(keys map[string]int, n *merkledag.ProtoNode) int { return keys[string(n.Cid().Hash())] }

func TestGCCollectsOnAllPeers(t *testing.T) {
	rigs := newRPCRigs(t, 3)
	everywhere, first, last := branch(t, "everywhere"), branch(t, "on the first"), branch(t, "on the last")
	for _, r := range rigs {
		r.store(everywhere)
	}
	rigs[0].store(first)
	rigs[2].store(last)
	reply := rigs[1].post("repo/gc", nil)
	keys, errs := collected(t, reply.Text)
	if reply.StatusCode != http.StatusOK || len(errs) > 0 || reply.Trailer.Get(fault.StreamError) != "" {
		t.Fatalf("status %d, errors %q, trailer %q", reply.StatusCode, errs, reply.Trailer.Get(fault.StreamError))
	}
	for name, n := range map[string]*merkledag.ProtoNode{"everywhere": everywhere, "first": first, "last": last} {
		if got := times(keys, n); got != 1 {
			t.Errorf("%s is reported %d times", name, got)
		}
		for _, r := range rigs {
			if r.has(n) {
				t.Errorf("%s is still on %s", name, r.self.ID())
			}
		}
	}
	for i, r := range rigs {
		if got := r.dropped.Load(); got != 1 {
			t.Errorf("peer %d dropped its unwanted pins %d times", i+1, got)
		}
	}
	if got := reply.Header.Get(member.Header); got != rigs[1].self.ID().String() {
		t.Errorf("answered by %q", got)
	}
	if got := reply.Header.Values("X-Chunked-Output"); len(got) != 1 || got[0] != "1" {
		t.Errorf("X-Chunked-Output is %q", got)
	}
}

func TestGCOfOnePeerLeavesTheOthersAlone(t *testing.T) {
	rigs := newRPCRigs(t, 2)
	loose := branch(t, "loose")
	for _, r := range rigs {
		r.store(loose)
	}
	reply := proxytest.Ask(t, http.MethodPost, rigs[0].Command("repo/gc", nil), nil, member.Header, "peer-2")
	if keys, _ := collected(t, reply.Text); reply.StatusCode != http.StatusOK || times(keys, loose) != 1 {
		t.Errorf("status %d, %s", reply.StatusCode, reply.Text)
	}
	if !rigs[0].has(loose) || rigs[1].has(loose) {
		t.Errorf("the block is on the first: %t, on the second: %t", rigs[0].has(loose), rigs[1].has(loose))
	}
}

// What one peer cannot do is told at the end; the others collect.
func TestGCTellsWhatAPeerCouldNotDo(t *testing.T) {
	rigs := newRPCRigs(t, 3)
	down := rigs[1]
	down.self.Reach(down.self, "")
	for _, c := range []struct {
		name    string
		loose   bool // there is something to remove
		options []string
		status  int
		inBody  bool
	}{
		{"after some output", true, nil, http.StatusOK, false},
		{"without output", false, nil, http.StatusInternalServerError, false},
		{"silently", true, []string{"silent", "true"}, http.StatusInternalServerError, false},
		{"with errors in the stream", true, []string{"stream-errors", "1"}, http.StatusOK, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			loose := branch(t, c.name)
			if c.loose {
				rigs[2].store(loose)
			}
			reply := rigs[0].post("repo/gc", nil, c.options...)
			if rigs[2].has(loose) {
				t.Error("the last peer has not collected")
			}
			if reply.StatusCode != c.status {
				t.Errorf("status %d: %s", reply.StatusCode, reply.Text)
			}
			said := reply.Trailer.Get(fault.StreamError)
			if c.status != http.StatusOK {
				var failure proxytest.KuboError
				reply.Decode(t, &failure)
				said = failure.Message
			} else if _, errs := collected(t, reply.Text); (len(errs) == 1) != c.inBody {
				t.Errorf("errors in the stream: %q", errs)
			}
			if !strings.Contains(said, down.self.ID().String()) {
				t.Errorf("the error %q does not name the peer", said)
			}
		})
	}
}

// The other forms of output are kubo's too.
func TestGCSpeaksAsKuboDoes(t *testing.T) {
	rigs := newRPCRigs(t, 2)
	for _, c := range []struct {
		name, prefix string
		options      []string
	}{
		{"text", "removed ", []string{"encoding", "text"}},
		{"quiet", "", []string{"encoding", "text", "quiet", "true"}},
	} {
		loose := branch(t, c.name)
		for _, r := range rigs {
			r.store(loose)
		}
		reply := rigs[0].post("repo/gc", nil, c.options...)
		if want := c.prefix + cid.NewCidV1(cid.Raw, loose.Cid().Hash()).String() + "\n"; reply.Text != want {
			t.Errorf("%s: %q, want %q", c.name, reply.Text, want)
		}
	}
	reply := rigs[0].post("repo/gc", nil, "quiet", "banana")
	if reply.StatusCode != http.StatusBadRequest || !strings.Contains(reply.Text, "banana") {
		t.Errorf("a bad option: %d, %s", reply.StatusCode, reply.Text)
	}
	if rigs[1].dropped.Load() != 2 {
		t.Error("a request that is refused reaches the others")
	}
}

// A collection waits for an upload that runs, but not for ever: those of the other peers come after it.
func TestGCDoesNotWaitForEver(t *testing.T) {
	r := newRPCRig(t)
	k, err := newKubo(r.options)
	if err != nil {
		t.Fatal(err)
	}
	gc := proxytest.Serve(t, proxytest.Listen(t), collectHere(k, r.options, 50*time.Millisecond), time.Second)
	loose := branch(t, "loose")
	r.store(loose)
	upload := r.node.Blockstore.PinLock(t.Context())
	reply := proxytest.Ask(t, http.MethodPost, gc.Command("repo/gc", nil), nil)
	upload.Unlock(t.Context())
	if reply.StatusCode != http.StatusServiceUnavailable || !strings.Contains(reply.Text, "upload") || !r.has(loose) {
		t.Errorf("during an upload: %d, %s", reply.StatusCode, reply.Text)
	}
	if reply := proxytest.Ask(t, http.MethodPost, gc.Command("repo/gc", nil), nil); reply.StatusCode != http.StatusOK || r.has(loose) {
		t.Errorf("after it: %d, %s", reply.StatusCode, reply.Text)
	}
}
