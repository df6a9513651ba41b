package psa

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/underlay/underlay/consensus"
	"github.com/underlay/underlay/internal/pinstatus"
	"github.com/underlay/underlay/internal/testkit"
)

const patience = 20 * time.Second

// rig is a service on the real replicated state of one peer, and on a cluster whose pins become what a test says.
type rig struct {
	*Service
	*consensus.Consensus
	t       testing.TB
	cluster *fakeCluster
	handler http.Handler
}

func newRig(t testing.TB) *rig {
	t.Helper()
	h, err := libp2p.New(libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"), libp2p.DisableRelay(), libp2p.DisableMetrics(), libp2p.ResourceManager(nil))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	c, err := consensus.Open(consensus.Options{Dir: t.TempDir(), Host: h, Heartbeat: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := c.Bootstrap([]peer.ID{h.ID()}); err != nil {
		t.Fatal(err)
	}
	select {
	case <-c.Ready(t.Context()):
	case <-time.After(patience):
		t.Fatal("the peer never got ready")
	}
	cluster := &fakeCluster{pins: c.Local(), states: make(map[api.Cid]pinstatus.Holder), id: h.ID()}
	s := New(Options{State: c, Cluster: cluster})
	return &rig{Service: s, Consensus: c, t: t, cluster: cluster, handler: s.Handler()}
}

// fakeCluster is a cluster of one peer, which holds every pin unless a test says otherwise.
type fakeCluster struct {
	pins consensus.Pins
	id   peer.ID

	follows atomic.Bool

	mu     sync.Mutex
	states map[api.Cid]pinstatus.Holder
	asked  int // CIDs
}

func (f *fakeCluster) Complete(_ context.Context, pin, _ api.Pin) (api.Pin, error) {
	pin.ReplicationFactorMin, pin.ReplicationFactorMax = -1, -1
	pin.Timestamp = time.Now()
	return pin, nil
}

func (f *fakeCluster) Standings(ctx context.Context, cids []api.Cid) ([]pinstatus.Standing, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	pins := make([]pinstatus.Standing, len(cids))
	for i, c := range cids {
		f.asked++
		if pinned, err := f.pins.Has(ctx, c); err != nil || !pinned {
			continue
		}
		at, ok := f.states[c]
		if !ok {
			at.Status = api.TrackerStatusPinned
		}
		pins[i] = pinstatus.Standing{Wanted: true, Need: 1, Holders: []pinstatus.Holder{at}}
	}
	return pins, nil
}

// becomes sets how the peer stands with a CID.
func (f *fakeCluster) becomes(c api.Cid, at pinstatus.Holder) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.states[c] = at
}

// questions returns about how many CIDs the peers were asked so far.
func (f *fakeCluster) questions() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked
}

func (f *fakeCluster) Nodes(context.Context) (map[peer.ID][]api.Multiaddr, error) {
	addr, err := api.NewMultiaddr("/ip4/192.0.2.1/tcp/4001/p2p/" + f.id.String())
	return map[peer.ID][]api.Multiaddr{f.id: {addr}}, err
}

func (f *fakeCluster) Leads() bool { return !f.follows.Load() }

// cidOf returns a CID that differs from those of other numbers.
func cidOf(t testing.TB, n int) api.Cid {
	t.Helper()
	root, _, _ := testkit.Tree(t, fmt.Sprintf("content %d", n))
	return api.NewCid(root.Cid())
}

// answer is what the API answers.
type answer struct {
	code   int
	header http.Header
	body   string
}

// ask sends a request to the API.
func (r *rig) ask(method, path, body string, header ...string) answer {
	r.t.Helper()
	req := httptest.NewRequestWithContext(r.t.Context(), method, path, strings.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	r.handler.ServeHTTP(w, req)
	raw, err := io.ReadAll(w.Result().Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return answer{w.Code, w.Header(), string(raw)}
}

// want decodes a successful answer.
func want[T any](t testing.TB, a answer, code int) (v T) {
	t.Helper()
	if a.code != code {
		t.Fatalf("got status %d, want %d: %s", a.code, code, a.body)
	}
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		t.Fatalf("decode %s: %v", a.body, err)
	}
	return v
}

// post makes a request through the API.
func (r *rig) post(c api.Cid, name string) PinStatus {
	r.t.Helper()
	return want[PinStatus](r.t, r.ask("POST", "/pins", fmt.Sprintf(`{"cid":%q,"name":%q}`, c, name)), http.StatusAccepted)
}

// delete ends a request through the API.
func (r *rig) delete(id string) {
	r.t.Helper()
	if a := r.ask("DELETE", "/pins/"+id, ""); a.code != http.StatusAccepted {
		r.t.Fatalf("delete %s: %d %s", id, a.code, a.body)
	}
}

// list lists requests through the API.
func (r *rig) list(query string) PinResults {
	r.t.Helper()
	return want[PinResults](r.t, r.ask("GET", "/pins?"+strings.ReplaceAll(query, " ", "%20"), ""), http.StatusOK)
}

const every = "status=queued,pinning,pinned,failed&"

func ids(l PinResults) []string {
	var ids []string
	for _, s := range l.Results {
		ids = append(ids, s.RequestID)
	}
	return ids
}

// pinned returns the pin of a CID; it is undefined if there is none.
func (r *rig) pinned(c api.Cid) api.Pin {
	r.t.Helper()
	pins, err := r.Pins(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	pin, err := pins.Get(r.t.Context(), c)
	if err != nil {
		return api.Pin{}
	}
	return pin
}

// commit changes the pinset as other APIs do.
func (r *rig) commit(ops ...consensus.Op) {
	r.t.Helper()
	if done, err := r.Commit(r.t.Context(), ops...); err != nil || done.Errs[0] != nil {
		r.t.Fatalf("commit: %v, %v", done.Errs, err)
	}
}

// stored returns all that the service keeps.
func (r *rig) stored() map[string]string {
	r.t.Helper()
	values, err := r.ValuesBetween(r.t.Context(), space+"/", space+"0", 1<<20)
	if err != nil {
		r.t.Fatal(err)
	}
	stored := make(map[string]string)
	for _, v := range values {
		stored[v.Key] = string(v.Data)
	}
	return stored
}

// checkEmpty fails the test if the service keeps anything.
func (r *rig) checkEmpty() {
	r.t.Helper()
	if left := r.stored(); len(left) > 0 {
		r.t.Errorf("left behind: %q", slices.Sorted(maps.Keys(left)))
	}
}
