package rest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs-cluster/ipfs-cluster/state"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/underlay/underlay/consensus"
	"github.com/underlay/underlay/internal/event"
	"github.com/underlay/underlay/internal/pinstatus"
)

const (
	cid1 = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"
	cid2 = "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn"
	pid1 = "12D3KooWGC6TvWhfapngX6wvJHMYvKpDMXPb3ZnCZ6dMoaMtimQ5"
)

func mustCid(s string) api.Cid {
	c, err := api.DecodeCid(s)
	if err != nil {
		panic(err)
	}
	return c
}

func mustPeer(s string) peer.ID {
	p, err := peer.Decode(s)
	if err != nil {
		panic(err)
	}
	return p
}

// fakeCluster is a cluster of one peer that pins at once. The embedded interface stays nil: a method that is called but
// not written here panics, so the tests see it.
type fakeCluster struct {
	Cluster
	mu      sync.Mutex
	pins    map[string]api.Pin
	calls   []string // every change that was asked for
	fail    error    // what all fallible methods return
	failAt  int      // streams fail after that many items
	endless bool     // StatusAll never ends by itself
	stopped chan struct{}
}

func newFake() *fakeCluster {
	return &fakeCluster{pins: map[string]api.Pin{}, stopped: make(chan struct{})}
}

func (f *fakeCluster) change(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, fmt.Sprintf(format, args...))
}

func (f *fakeCluster) changes() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.calls)
}

func (f *fakeCluster) sorted() []api.Pin {
	f.mu.Lock()
	defer f.mu.Unlock()
	var pins []api.Pin
	for _, p := range f.pins {
		pins = append(pins, p)
	}
	slices.SortFunc(pins, func(a, b api.Pin) int { return strings.Compare(a.Cid.String(), b.Cid.String()) })
	return pins
}

func (f *fakeCluster) ID(context.Context) api.ID {
	return api.ID{ID: mustPeer(pid1), Peername: "one", Version: "1.2.3"}
}
func (f *fakeCluster) Version() string { return "1.2.3" }
func (f *fakeCluster) Alerts() []api.Alert {
	return []api.Alert{{Metric: api.Metric{Name: "ping", Peer: mustPeer(pid1)}, TriggeredAt: time.Unix(1, 0)}}
}

func (f *fakeCluster) BandwidthByProtocol() api.BandwidthByProtocol {
	return api.BandwidthByProtocol{"/x": {TotalIn: 7}}
}

func (f *fakeCluster) Peers(ctx context.Context, out chan<- api.ID) {
	defer close(out)
	out <- f.ID(ctx)
}

func (f *fakeCluster) PeerAdd(ctx context.Context, pid peer.ID) (*api.ID, error) {
	f.change("peer add %s", pid)
	return &api.ID{ID: pid}, f.fail
}

func (f *fakeCluster) PeerRemove(_ context.Context, pid peer.ID) error {
	f.change("peer remove %s", pid)
	return f.fail
}

func (f *fakeCluster) ConnectGraph() (api.ConnectGraph, error) {
	return api.ConnectGraph{ClusterID: mustPeer(pid1)}, f.fail
}

// Pins leaves the channel open when it fails, as the library's does.
func (f *fakeCluster) Pins(_ context.Context, out chan<- api.Pin) error {
	for i, p := range f.sorted() {
		if f.fail != nil && i >= f.failAt {
			return f.fail
		}
		out <- p
	}
	if f.fail == nil {
		close(out)
	}
	return f.fail
}

func (f *fakeCluster) PinGet(_ context.Context, c api.Cid) (api.Pin, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if p, ok := f.pins[c.String()]; ok {
		return p, nil
	}
	return api.Pin{}, fmt.Errorf("get pin: %w", state.ErrNotFound)
}

func (f *fakeCluster) Pin(_ context.Context, c api.Cid, o api.PinOptions) (api.Pin, error) {
	f.change("pin %s %s %q", c, o.Mode, o.Name)
	p := api.PinWithOpts(c, o)
	if f.fail != nil {
		return p, f.fail
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pins[c.String()] = p
	return p, nil
}

func (f *fakeCluster) Unpin(ctx context.Context, c api.Cid) (api.Pin, error) {
	f.change("unpin %s", c)
	p, err := f.PinGet(ctx, c)
	if err == nil {
		err = f.fail
	}
	if err != nil {
		return p, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.pins, c.String())
	return p, nil
}

// PinPath and UnpinPath know only paths that are a bare CID.
func (f *fakeCluster) PinPath(ctx context.Context, path string, o api.PinOptions) (api.Pin, error) {
	c, err := api.DecodeCid(strings.TrimPrefix(path, "/ipfs/"))
	if err != nil {
		return api.Pin{}, errors.New("cannot resolve " + path)
	}
	return f.Pin(ctx, c, o)
}

func (f *fakeCluster) UnpinPath(ctx context.Context, path string) (api.Pin, error) {
	c, err := api.DecodeCid(strings.TrimPrefix(path, "/ipfs/"))
	if err != nil {
		return api.Pin{}, errors.New("cannot resolve " + path)
	}
	return f.Unpin(ctx, c)
}

func (f *fakeCluster) StatusLocal(ctx context.Context, c api.Cid) api.PinInfo {
	info := api.PinInfo{Cid: c, Peer: mustPeer(pid1)}
	info.Status = api.TrackerStatusUnpinned
	if p, err := f.PinGet(ctx, c); err == nil {
		info.Status, info.Name = api.TrackerStatusPinned, p.Name
	}
	return info
}

func (f *fakeCluster) Status(ctx context.Context, c api.Cid) (pinstatus.Status, error) {
	return pinstatus.Status{GlobalPinInfo: f.StatusLocal(ctx, c).ToGlobal()}, f.fail
}

func (f *fakeCluster) StatusAllLocal(ctx context.Context, filter api.TrackerStatus, out chan<- api.PinInfo) error {
	defer close(out)
	for _, p := range f.sorted() {
		if info := f.StatusLocal(ctx, p.Cid); info.Status.Match(filter) {
			out <- info
		}
	}
	return f.fail
}

func (f *fakeCluster) StatusAll(ctx context.Context, filter api.TrackerStatus, out chan<- pinstatus.Status) error {
	defer close(out)
	if f.endless {
		defer close(f.stopped)
		for {
			select {
			case out <- pinstatus.Status{GlobalPinInfo: f.StatusLocal(ctx, mustCid(cid1)).ToGlobal()}:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	for _, p := range f.sorted() {
		if info := f.StatusLocal(ctx, p.Cid); info.Status.Match(filter) {
			out <- pinstatus.Status{GlobalPinInfo: info.ToGlobal()}
		}
	}
	return f.fail
}

func (f *fakeCluster) Recover(ctx context.Context, c api.Cid) (api.GlobalPinInfo, error) {
	f.change("recover %s", c)
	info, err := f.Status(ctx, c)
	return info.GlobalPinInfo, err
}

func (f *fakeCluster) RecoverLocal(ctx context.Context, c api.Cid) (api.PinInfo, error) {
	f.change("recover local %s", c)
	return f.StatusLocal(ctx, c), f.fail
}

func (f *fakeCluster) RecoverAll(ctx context.Context, out chan<- api.GlobalPinInfo) error {
	f.change("recover all")
	defer close(out)
	for _, p := range f.sorted() {
		out <- f.StatusLocal(ctx, p.Cid).ToGlobal()
	}
	return f.fail
}

func (f *fakeCluster) RecoverAllLocal(ctx context.Context, out chan<- api.PinInfo) error {
	f.change("recover all local")
	return f.StatusAllLocal(ctx, api.TrackerStatusUndefined, out)
}

func (f *fakeCluster) Rebalance(_ context.Context, dry bool, each func(event.Move) error) error {
	f.change("rebalance, dry %v", dry)
	return errors.Join(each(event.Move{Cid: cid1, From: pid1, To: pid1}), f.fail)
}

// FollowEvents tells nothing.
func (f *fakeCluster) FollowEvents(context.Context, *consensus.Position, func(event.Event) error) error {
	return errors.Join(f.fail, errors.New("no events"))
}

func (f *fakeCluster) RepoGC(ctx context.Context) (api.GlobalRepoGC, error) {
	one, err := f.RepoGCLocal(ctx)
	return api.GlobalRepoGC{PeerMap: map[string]api.RepoGC{"one": one, "two": {Peer: one.Peer}}}, err
}

func (f *fakeCluster) RepoGCLocal(context.Context) (api.RepoGC, error) {
	f.change("gc")
	return api.RepoGC{Peer: mustPeer(pid1), Keys: []api.IPFSRepoGC{{Key: mustCid(cid1)}}}, f.fail
}

func (f *fakeCluster) LatestMetrics(_ context.Context, name string) []api.Metric {
	return []api.Metric{{Name: name, Peer: mustPeer(pid1), Value: "5"}}
}
func (f *fakeCluster) MetricNames(context.Context) []string { return []string{"freespace", "ping"} }

// serve runs the API over the fake.
func serve(t *testing.T, f *fakeCluster, edit func(*Options)) *httptest.Server {
	t.Helper()
	o := Options{Cluster: f, Monitor: f}
	if edit != nil {
		edit(&o)
	}
	s := httptest.NewServer(New(o))
	t.Cleanup(s.Close)
	return s
}

// reply is a response with its body read; trailers are complete then.
type reply struct {
	*http.Response
	body string
}

// ask sends one request without following redirects; header pairs follow the URL.
func ask(t *testing.T, method, url, body string, header ...string) reply {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatalf("make request: %v", err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	res, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("read %s: %v", url, err)
	}
	return reply{res, string(b)}
}
