package rest

import (
	"bytes"
	"context"
	"errors"
	"mime/multipart"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs-cluster/ipfs-cluster/api/rest/client"
	clustertest "github.com/ipfs-cluster/ipfs-cluster/test"
	"github.com/ipfs/boxo/files"
	rpc "github.com/libp2p/go-libp2p-gorpc"
)

// stockClient is IPFS Cluster's own client, pointed at the API.
func stockClient(t *testing.T, f *fakeCluster, edit func(*Options)) client.Client {
	t.Helper()
	at, err := url.Parse(serve(t, f, edit).URL)
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.NewDefaultClient(&client.Config{Host: at.Hostname(), Port: at.Port(), DisableKeepAlives: true})
	if err != nil {
		t.Fatalf("make client: %v", err)
	}
	return c
}

// collect runs a streaming call of the client to its end.
func collect[T any](t *testing.T, call func(chan<- T) error) []T {
	t.Helper()
	out := make(chan T, 64) // more than any test sends
	if err := call(out); err != nil {
		t.Errorf("stream: %v", err)
	}
	var all []T
	for v := range out {
		all = append(all, v)
	}
	return all
}

func TestStockClientPinsAndUnpins(t *testing.T) {
	f, ctx := newFake(), t.Context()
	c := stockClient(t, f, nil)
	ci := mustCid(cid1)
	want := api.PinOptions{
		ReplicationFactorMin: 1, ReplicationFactorMax: 2, Name: "a name & more", Mode: api.PinModeDirect,
		ExpireAt: time.Now().Add(time.Hour).UTC(), Metadata: map[string]string{"k": "v=1", "l": "ü"},
	}
	pin, err := c.Pin(ctx, ci, want)
	if err != nil || !pin.PinOptions.Equals(want) || !pin.Cid.Equals(ci) {
		t.Fatalf("pin: %+v, %v", pin, err)
	}
	if pin.MaxDepth != 0 {
		t.Errorf("a direct pin has depth %d, want 0", pin.MaxDepth)
	}
	got, err := c.Allocation(ctx, ci)
	if err != nil || !got.PinOptions.Equals(want) {
		t.Errorf("allocation: %+v, %v", got, err)
	}
	all := collect(t, func(out chan<- api.Pin) error { return c.Allocations(ctx, api.DataType, out) })
	if len(all) != 1 || !all[0].Cid.Equals(ci) {
		t.Errorf("allocations: %+v", all)
	}
	if pin, err := c.Unpin(ctx, ci); err != nil || pin.Name != want.Name {
		t.Errorf("unpin: %+v, %v", pin, err)
	}
	var apiErr api.Error
	if _, err := c.Unpin(ctx, ci); !errors.As(err, &apiErr) || apiErr.Code != 404 {
		t.Errorf("second unpin: %v, want 404", err)
	}
	if pin, err := c.PinPath(ctx, "/ipfs/"+cid2, api.PinOptions{Name: "by path"}); err != nil || pin.Name != "by path" {
		t.Errorf("pin path: %+v, %v", pin, err)
	}
	if pin, err := c.UnpinPath(ctx, "/ipfs/"+cid2); err != nil || pin.Cid.String() != cid2 {
		t.Errorf("unpin path: %+v, %v", pin, err)
	}
}

func TestStockClientReadsStatus(t *testing.T) {
	f, ctx := newFake(), t.Context()
	f.pins[cid1], f.pins[cid2] = api.PinCid(mustCid(cid1)), api.PinCid(mustCid(cid2))
	c := stockClient(t, f, nil)
	ci := mustCid(cid1)
	for _, local := range []bool{false, true} {
		info, err := c.Status(ctx, ci, local)
		if err != nil || info.PeerMap[pid1].Status != api.TrackerStatusPinned {
			t.Errorf("status, local %v: %+v, %v", local, info, err)
		}
		type stream = chan<- api.GlobalPinInfo
		if all := collect(t, func(out stream) error { return c.StatusAll(ctx, api.TrackerStatusPinned, local, out) }); len(all) != 2 {
			t.Errorf("status of all pinned, local %v: %d", local, len(all))
		}
		if none := collect(t, func(out stream) error { return c.StatusAll(ctx, api.TrackerStatusError, local, out) }); len(none) != 0 {
			t.Errorf("status of all in error, local %v: %d", local, len(none))
		}
		cids := []api.Cid{ci, mustCid(cid2)}
		if some := collect(t, func(out stream) error { return c.StatusCids(ctx, cids, local, out) }); len(some) != 2 {
			t.Errorf("status of two CIDs, local %v: %d", local, len(some))
		}
		if _, err := c.Recover(ctx, ci, local); err != nil {
			t.Errorf("recover, local %v: %v", local, err)
		}
		if all := collect(t, func(out stream) error { return c.RecoverAll(ctx, local, out) }); len(all) != 2 {
			t.Errorf("recover all, local %v: %d", local, len(all))
		}
	}
	want := []string{
		"recover " + cid1, "recover all", "recover local " + cid1, "recover all local",
	}
	if got := f.changes(); !reflect.DeepEqual(got, want) {
		t.Errorf("calls %q, want %q", got, want)
	}
}

func TestStockClientReadsTheCluster(t *testing.T) {
	f, ctx := newFake(), t.Context()
	c := stockClient(t, f, nil)
	if id, err := c.ID(ctx); err != nil || id.Peername != "one" || id.ID.String() != pid1 {
		t.Errorf("id: %+v, %v", id, err)
	}
	if v, err := c.Version(ctx); err != nil || v.Version != "1.2.3" {
		t.Errorf("version: %+v, %v", v, err)
	}
	if peers := collect(t, func(out chan<- api.ID) error { return c.Peers(ctx, out) }); len(peers) != 1 {
		t.Errorf("peers: %+v", peers)
	}
	pid := mustPeer(pid1)
	if id, err := c.PeerAdd(ctx, pid); err != nil || id.ID != pid {
		t.Errorf("peer add: %+v, %v", id, err)
	}
	if err := c.PeerRm(ctx, pid); err != nil {
		t.Errorf("peer remove: %v", err)
	}
	if g, err := c.GetConnectGraph(ctx); err != nil || g.ClusterID != pid {
		t.Errorf("graph: %+v, %v", g, err)
	}
	if alerts, err := c.Alerts(ctx); err != nil || len(alerts) != 1 || alerts[0].Name != "ping" {
		t.Errorf("alerts: %+v, %v", alerts, err)
	}
	if bw, err := c.BandwidthByProtocol(ctx); err != nil || bw["/x"].TotalIn != 7 {
		t.Errorf("bandwidth: %+v, %v", bw, err)
	}
	if names, err := c.MetricNames(ctx); err != nil || len(names) != 2 {
		t.Errorf("metric names: %q, %v", names, err)
	}
	if m, err := c.Metrics(ctx, "freespace"); err != nil || len(m) != 1 || m[0].Name != "freespace" {
		t.Errorf("metrics: %+v, %v", m, err)
	}
	if gc, err := c.RepoGC(ctx, false); err != nil || len(gc.PeerMap) != 2 {
		t.Errorf("collect on all: %+v, %v", gc, err)
	}
	if gc, err := c.RepoGC(ctx, true); err != nil || len(gc.PeerMap[pid1].Keys) != 1 {
		t.Errorf("collect here: %+v, %v", gc, err)
	}
	if err := c.Health(ctx); err != nil {
		t.Errorf("health: %v", err)
	}
}

// adder gives the API the library's stand-in for the peers that blocks go to: it takes and drops them.
func withAdder(t *testing.T) func(*Options) {
	remote := clustertest.NewMockRPCClient(t)
	return func(o *Options) { o.RPC = func() *rpc.Client { return remote } }
}

func TestStockClientAdds(t *testing.T) {
	f := newFake()
	c := stockClient(t, f, withAdder(t))
	for _, stream := range []bool{true, false} {
		params := api.DefaultAddParams()
		params.StreamChannels = stream
		upload := files.NewMultiFileReader(files.NewMapDirectory(map[string]files.Node{
			"dir": files.NewMapDirectory(map[string]files.Node{"a": files.NewBytesFile([]byte("a"))}),
		}), true, false)
		out := make(chan api.AddedOutput, 64)
		if err := c.AddMultiFile(context.Background(), upload, params, out); err != nil {
			t.Fatalf("add, streamed %v: %v", stream, err)
		}
		var names []string
		for o := range out {
			names = append(names, o.Name)
		}
		if strings.Join(names, " ") != "dir/a dir" {
			t.Errorf("streamed %v: reported %q", stream, names)
		}
	}
	if extra := f.changes(); len(extra) != 0 {
		t.Errorf("the adder pins a single root by itself, but we pinned too: %q", extra)
	}
}

func testUpload(t *testing.T, names ...string) (body, contentType string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, n := range names {
		part, err := w.CreateFormFile("file", n)
		if err != nil {
			t.Fatal(err)
		}
		part.Write([]byte("content of " + n))
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String(), w.FormDataContentType()
}

func TestRESTAddPinsEveryRoot(t *testing.T) {
	for _, query := range []string{"", "?stream-channels=false"} {
		f := newFake()
		s := serve(t, f, withAdder(t))
		body, contentType := testUpload(t, "a", "b", "c")
		got := ask(t, "POST", s.URL+"/add"+query, body, "Content-Type", contentType)
		if got.StatusCode != 200 || strings.Join(got.Trailer["X-Stream-Error"], "") != "" {
			t.Fatalf("add%s: status %d, trailer %v, body %s", query, got.StatusCode, got.Trailer, got.body)
		}
		if pinned := f.changes(); len(pinned) != 2 {
			t.Errorf("add%s: three roots, one pinned by the adder: the others must be pinned too, got %q", query, pinned)
		}
		f.fail = errors.New("store closed")
		got = ask(t, "POST", s.URL+"/add"+query, body, "Content-Type", contentType)
		told := got.StatusCode == 500 || strings.Contains(strings.Join(got.Trailer["X-Stream-Error"], ""), "store closed")
		if !told {
			t.Errorf("add%s: a root stays unpinned and nothing says so: status %d, trailer %v", query, got.StatusCode, got.Trailer)
		}
	}
	f := newFake()
	s := serve(t, f, withAdder(t))
	body, contentType := testUpload(t, "a", "b")
	for _, query := range []string{"?no-pin=true", "?wrap-with-directory=true"} {
		if got := ask(t, "POST", s.URL+"/add"+query, body, "Content-Type", contentType); got.StatusCode != 200 {
			t.Errorf("add%s: status %d", query, got.StatusCode)
		}
	}
	if pinned := f.changes(); len(pinned) != 0 {
		t.Errorf("nothing else to pin, got %q", pinned)
	}
}

func TestRESTAddRefusesBadOptions(t *testing.T) {
	f := newFake()
	s := serve(t, f, withAdder(t))
	body, contentType := testUpload(t, "a")
	for _, query := range []string{
		"chunker=nonsense", "chunker=size-0", "hash=nonsense", "cid-version=7", "cid-version=x", "hash=blake3&cid-version=0",
		"format=zip", "format=car&wrap-with-directory=true", "layout=flat", "shard=perhaps", "mode=shallow", "replication=-5",
	} {
		got := ask(t, "POST", s.URL+"/add?"+query, body, "Content-Type", contentType)
		if got.StatusCode != http.StatusBadRequest || !strings.Contains(got.body, `"code":400`) {
			t.Errorf("%s: status %d, body %q", query, got.StatusCode, got.body)
		}
	}
	starting := serve(t, f, nil)
	if got := ask(t, "POST", starting.URL+"/add", body, "Content-Type", contentType); got.StatusCode != 503 {
		t.Errorf("before the cluster peer started: status %d, want 503", got.StatusCode)
	}
}
