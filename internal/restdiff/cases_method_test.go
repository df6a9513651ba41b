package restdiff

import (
	"context"
	"path/filepath"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs-cluster/ipfs-cluster/api/rest/client"
	"github.com/ipfs/boxo/files"
	"github.com/libp2p/go-libp2p/core/peer"
)

// methodCases call every method of each client.
func (s suite) methodCases() []testCase {
	var all []testCase
	for _, kind := range []string{plainClient, failover, roundRobin} {
		all = append(all, askCase(kind), pinMethodsCase(kind), listMethodsCase(kind), s.addMethodsCase(kind))
	}
	return all
}

func askCase(kind string) testCase {
	return testCase{kind + " asks", []step{
		method(kind, "ID", func(ctx context.Context, c client.Client, _ variables) (any, error) { return c.ID(ctx) }).mask(maskAddresses...).mask(maskVersion...),
		method(kind, "Version", func(ctx context.Context, c client.Client, _ variables) (any, error) { return c.Version(ctx) }).mask(maskVersion...),
		method(kind, "Peers", func(ctx context.Context, c client.Client, _ variables) (any, error) {
			return collect(func(out chan<- api.ID) error { return c.Peers(ctx, out) })
		}).mask(maskAddresses...).mask(maskVersion...).inAnyOrder(),
		method(kind, "PeerAdd", func(ctx context.Context, c client.Client, v variables) (any, error) {
			return c.PeerAdd(ctx, mustPeer(v["id2"]))
		}).mask(maskAddresses...).mask(maskVersion...),
		method(kind, "PeerRm", func(ctx context.Context, c client.Client, _ variables) (any, error) {
			return nil, c.PeerRm(ctx, mustPeer("QmNnooDu7bfjPFoTZYxMNLWUQJyrVwtbZg5gBMjTezGAJN"))
		}).named("PeerRm of nobody"),
		method(kind, "Alerts", func(ctx context.Context, c client.Client, _ variables) (any, error) { return c.Alerts(ctx) }),
		method(kind, "BandwidthByProtocol", func(ctx context.Context, c client.Client, _ variables) (any, error) {
			return c.BandwidthByProtocol(ctx)
		}).mask(maskBandwidth...),
		method(kind, "GetConnectGraph", func(ctx context.Context, c client.Client, _ variables) (any, error) { return c.GetConnectGraph(ctx) }).inAnyOrder(),
		method(kind, "MetricNames", func(ctx context.Context, c client.Client, _ variables) (any, error) { return c.MetricNames(ctx) }).inAnyOrder(),
		method(kind, "Metrics", func(ctx context.Context, c client.Client, _ variables) (any, error) { return c.Metrics(ctx, "ping") }).mask(maskMetric...).inAnyOrder(),
		method(kind, "Metrics", func(ctx context.Context, c client.Client, _ variables) (any, error) {
			return c.Metrics(ctx, "nonsense")
		}).named("unknown metric"),
		method(kind, "Health", func(ctx context.Context, c client.Client, _ variables) (any, error) { return nil, c.Health(ctx) }),
		method(kind, "RepoGC", func(ctx context.Context, c client.Client, _ variables) (any, error) { return c.RepoGC(ctx, false) }).mask(maskKeys...),
		method(kind, "RepoGC", func(ctx context.Context, c client.Client, _ variables) (any, error) { return c.RepoGC(ctx, true) }).mask(maskKeys...).named("gc here"),
		method(kind, "IPFS", func(ctx context.Context, c client.Client, _ variables) (any, error) { return c.IPFS(ctx) != nil, nil }),
	}}
}

func pinMethodsCase(kind string) testCase {
	ci, absent := mustCID(inline(kind+" pins")), mustCID(nowhere(kind))
	options := api.PinOptions{Name: "pinned by the " + kind, ReplicationFactorMin: 1, ReplicationFactorMax: 1, Metadata: map[string]string{"by": kind}}
	until := time.Date(2099, 1, 2, 3, 4, 5, 0, time.UTC)
	return testCase{kind + " pins", []step{
		method(kind, "Pin", func(ctx context.Context, c client.Client, v variables) (any, error) {
			o := options // both clusters are asked at once
			o.UserAllocations = []peer.ID{mustPeer(v["id1"])}
			return c.Pin(ctx, ci, o)
		}),
		method(kind, "Allocation", func(ctx context.Context, c client.Client, _ variables) (any, error) { return c.Allocation(ctx, ci) }),
		method(kind, "Allocation", func(ctx context.Context, c client.Client, _ variables) (any, error) { return c.Allocation(ctx, absent) }).named("no allocation"),
		method(kind, "Status", func(ctx context.Context, c client.Client, _ variables) (any, error) { return c.Status(ctx, ci, false) }).
			until(pinnedHere).mask(maskAddresses...),
		method(kind, "Status", func(ctx context.Context, c client.Client, _ variables) (any, error) { return c.Status(ctx, ci, true) }).named("status here").mask(maskAddresses...),
		method(kind, "Recover", func(ctx context.Context, c client.Client, _ variables) (any, error) { return c.Recover(ctx, ci, false) }).mask(maskAddresses...),
		method(kind, "Recover", func(ctx context.Context, c client.Client, _ variables) (any, error) { return c.Recover(ctx, ci, true) }).named("recover here").mask(maskAddresses...),
		method(kind, "PinPath", func(ctx context.Context, c client.Client, _ variables) (any, error) {
			return c.PinPath(ctx, "/ipfs/"+ci.String(), api.PinOptions{Name: "by path", ExpireAt: until, ReplicationFactorMin: -1, ReplicationFactorMax: -1})
		}),
		method(kind, "PinPath", func(ctx context.Context, c client.Client, _ variables) (any, error) {
			return c.PinPath(ctx, "/ipfs/"+ci.String()+"/none", api.PinOptions{Name: "nothing"})
		}).named("no such path"),
		method(kind, "UnpinPath", func(ctx context.Context, c client.Client, _ variables) (any, error) {
			return c.UnpinPath(ctx, ci.String())
		}),
		method(kind, "Unpin", func(ctx context.Context, c client.Client, _ variables) (any, error) { return c.Unpin(ctx, ci) }),
	}}
}

func listMethodsCase(kind string) testCase {
	ci := mustCID(inline(kind + " lists"))
	type infos = chan<- api.GlobalPinInfo
	return testCase{kind + " lists", []step{
		method(kind, "Pin", func(ctx context.Context, c client.Client, _ variables) (any, error) {
			return c.Pin(ctx, ci, api.PinOptions{Name: "listed by the " + kind})
		}),
		method(kind, "Allocations", func(ctx context.Context, c client.Client, _ variables) (any, error) {
			return collect(func(out chan<- api.Pin) error { return c.Allocations(ctx, api.DataType, out) })
		}).only("listed by the " + kind),
		method(kind, "Allocations", func(ctx context.Context, c client.Client, _ variables) (any, error) {
			return collect(func(out chan<- api.Pin) error { return c.Allocations(ctx, api.ShardType, out) })
		}).named("no allocations"),
		method(kind, "StatusCids", func(ctx context.Context, c client.Client, _ variables) (any, error) {
			return collect(func(out infos) error { return c.StatusCids(ctx, []api.Cid{ci}, false, out) })
		}).until(pinned).mask(maskAddresses...),
		method(kind, "StatusAll", func(ctx context.Context, c client.Client, _ variables) (any, error) {
			return collect(func(out infos) error { return c.StatusAll(ctx, api.TrackerStatusPinned, false, out) })
		}).only("listed by the " + kind).mask(maskAddresses...),
		method(kind, "StatusAll", func(ctx context.Context, c client.Client, _ variables) (any, error) {
			return collect(func(out infos) error { return c.StatusAll(ctx, api.TrackerStatusUndefined, true, out) })
		}).named("status of all here").only("listed by the " + kind).mask(maskAddresses...),
		method(kind, "RecoverAll", func(ctx context.Context, c client.Client, _ variables) (any, error) {
			return collect(func(out infos) error { return c.RecoverAll(ctx, false, out) })
		}).mask(maskAddresses...),
		method(kind, "RecoverAll", func(ctx context.Context, c client.Client, _ variables) (any, error) {
			return collect(func(out infos) error { return c.RecoverAll(ctx, true, out) })
		}).named("recover all here").mask(maskAddresses...),
		method(kind, "Unpin", func(ctx context.Context, c client.Client, _ variables) (any, error) { return c.Unpin(ctx, ci) }),
	}}
}

func (s suite) addMethodsCase(kind string) testCase {
	params := func(name string) api.AddParams {
		p := api.DefaultAddParams()
		p.Name, p.Recursive, p.RawLeaves = name, true, true
		return p
	}
	return testCase{kind + " adds", []step{
		method(kind, "Add", func(ctx context.Context, c client.Client, _ variables) (any, error) {
			return collect(func(out chan<- api.AddedOutput) error {
				return c.Add(ctx, []string{filepath.Join(s.dir, "tree"), filepath.Join(s.dir, "note")}, params("added by the "+kind), out)
			})
		}),
		method(kind, "AddMultiFile", func(ctx context.Context, c client.Client, _ variables) (any, error) {
			upload := files.NewMultiFileReader(files.NewMapDirectory(map[string]files.Node{"f": files.NewBytesFile([]byte("added by the " + kind))}), true, false)
			return collect(func(out chan<- api.AddedOutput) error { return c.AddMultiFile(ctx, upload, params("more"), out) })
		}),
		method(kind, "Add", func(ctx context.Context, c client.Client, _ variables) (any, error) {
			p := params("")
			p.Chunker = "nonsense"
			return collect(func(out chan<- api.AddedOutput) error {
				return c.Add(ctx, []string{filepath.Join(s.dir, "note")}, p, out)
			})
		}).named("unknown chunker"),
	}}
}

func mustCID(text string) api.Cid {
	c, err := api.DecodeCid(text)
	if err != nil {
		panic(err) // made by this package
	}
	return c
}

func mustPeer(text string) peer.ID {
	id, err := peer.Decode(text)
	if err != nil {
		panic(err) // told by a peer
	}
	return id
}
