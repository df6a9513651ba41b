package peer

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	ipfscluster "github.com/ipfs-cluster/ipfs-cluster"
	"github.com/ipfs-cluster/ipfs-cluster/api"
	clusterconfig "github.com/ipfs-cluster/ipfs-cluster/config"
	"github.com/ipfs/kubo/core"
	rpc "github.com/libp2p/go-libp2p-gorpc"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/metrics"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/sync/errgroup"

	kuboconfig "github.com/ipfs/kubo/config"

	"github.com/underlay/underlay/consensus"
	"github.com/underlay/underlay/internal/logging"
	"github.com/underlay/underlay/internal/seal"
	"github.com/underlay/underlay/peer/files"
	"github.com/underlay/underlay/peer/genesis"
	"github.com/underlay/underlay/peer/ipfs"
	"github.com/underlay/underlay/peer/keys"
	"github.com/underlay/underlay/peer/names"
	"github.com/underlay/underlay/peer/reconcile"
	"github.com/underlay/underlay/peer/settings"
)

// Options configure a peer. The zero value of a field means its default where one is named.
type Options struct {
	Dir      string   // data directory, created when absent
	Name     string   // human-readable name, shown in status
	Listen   string   // host:port of the private network
	Announce []string // host:port under which others reach it; default: the listen addresses
	Secret   []byte   // 32 bytes shared by all peers; nil: kept in the data directory, made on first start

	Places Places          // where other peers may be; nil: this one is a cluster of one
	Expect int             // how many first members a new cluster has; 0: all that Places tells of, this one included
	Record *genesis.Record // of the first members, beyond the peers; nil: they agree among themselves

	Tuning // as it is at first

	ReplicationMin int               // least number of holders of a pin; -1: every peer
	ReplicationMax int               // greatest number of holders of a pin; -1: every peer
	Heartbeat      time.Duration     // raft heartbeat and election time-out
	DeadAfter      time.Duration     // how long a member may be away before it is removed; 0: for ever
	PinWorkers     int               // pins that are fetched at the same time
	Tags           map[string]string // for placing pins, for example the zone
	Slot           string            // the place in the cluster that this peer fills; empty: none in particular
	Machines       Machines          // what the peers run on; nil: nobody knows

	Public        bool                           // the node joins the public IPFS network
	ConfigureIPFS func(*kuboconfig.Config) error // applied to the node's default configuration at every start
	CloseTimeout  time.Duration                  // bound on closing the embedded node
	Version       string                         // of this program
	Logger        *slog.Logger
	Tracer        trace.Tracer // nil: nothing is traced

	// Observe is told what commits and the disk have taken.
	Observe consensus.Observers
	// NoteFailure, unless nil, is told of a failure of the cluster where kubo's code would lose it, with the context of the
	// request that has met it, and returns it.
	NoteFailure func(context.Context, error) error
	// CarryAlong, unless nil, returns what is to be committed in one step with a pin to which the cluster gives other
	// holders, because somebody remembers the pin by this revision: the pin gets another one. It must do nothing else.
	CarryAlong func(ctx context.Context, value func(context.Context, string) (consensus.Value, error), c api.Cid, revision uint64) ([]consensus.Op, error)
	// FilesReached lets tests end a change of the files at one of its steps, see files.Options.
	FilesReached func(context.Context, files.Step) error
	// FoundingReached lets tests end a peer when it is about to found the cluster; its error is what the peer waits for.
	FoundingReached func(context.Context) error

	// Fatal ends the process at once when this peer can no longer keep its promises, as after a failed sync of its log.
	Fatal func(error)
}

// Peer is one running cluster peer. Its methods may be called from any goroutine.
type Peer struct {
	opts     Options
	logger   *slog.Logger
	requests *slog.Logger // of what the other peers ask
	life     Life

	dir        *dataDir
	identity   *clusterconfig.Identity
	sealer     *seal.Sealer
	node       *core.IpfsNode
	host       host.Host
	bandwidth  *metrics.BandwidthCounter
	consensus  *consensus.Consensus
	keys       *keys.Keys
	names      *names.Names
	pins       *ipfs.Pins
	connector  *ipfs.Connector
	reconciler *reconcile.Reconciler
	service    *PeerService
	client     *rpc.Client
	calls      *calls
	files      *files.Files
	awaits     *awaitClient
	clusterAPI *clientHolder
	monitor    Monitor
	cluster    *ipfscluster.Cluster
	links      *links
	mesh       *mesh
	word       *genesis.Word
	doubts     doubts
	machine    machine
	tuning     atomic.Pointer[Tuning]

	collections collections

	localSettings *settings.Local
	settings      *settings.Settings

	waitingMu sync.Mutex
	waiting   error // why this peer is in no cluster yet

	closers   []closer // in the order of opening
	closeOnce sync.Once
	closeErr  error
}

// closer gives one part back; name says which when that fails.
type closer struct {
	name  string
	close func() error
}

// Open starts a peer on its data directory. It holds the directory's lock, listens for other peers and serves what it
// has; Serve makes it take part. ctx only carries values: cancelling it does not stop the peer, Close does.
func Open(ctx context.Context, o Options) (_ *Peer, err error) {
	p := &Peer{
		opts: o, logger: o.Logger, requests: logging.Named(o.Logger, logging.Requests), life: Life{rand.Text(), time.Now()},
		machine: machine{of: o.Machines, logger: o.Logger},
	}
	p.Tune(o.Tuning)
	defer func() {
		if err != nil {
			err = errors.Join(err, p.Close())
		}
	}()
	ctx = context.WithoutCancel(ctx)
	for _, open := range []func(context.Context) error{
		p.openDir, p.openLocalSettings, p.openNode, p.openHost, p.openConsensus, p.openGenesis, p.openNames, p.openSettings, p.openReconciler,
		p.openCalls, p.openFiles, p.openCluster, p.openMesh,
	} {
		if err := open(ctx); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (p *Peer) onClose(name string, f func() error) {
	p.closers = append(p.closers, closer{name, f})
}

func (p *Peer) openDir(context.Context) (err error) {
	if p.dir, err = openDataDir(p.opts.Dir); err != nil {
		return err
	}
	p.onClose("data directory", p.dir.Close)
	if p.identity, err = p.dir.loadIdentity(); err != nil {
		return err
	}
	secret, generated, err := p.dir.loadSecret(p.opts.Secret, p.opts.Places == nil)
	if generated {
		p.logger.Info("made a cluster secret; peers that shall join this one need the same", "file", p.dir.secret())
	}
	if err != nil {
		return err
	}
	p.opts.Secret = secret
	p.sealer, err = seal.New(secret)
	return err
}

func (p *Peer) openNode(ctx context.Context) (err error) {
	p.node, err = ipfs.Open(ctx, ipfs.Options{
		Dir: p.dir.ipfs(), Public: p.opts.Public, Arrange: p.localSettings.Arrange, CloseTimeout: p.opts.CloseTimeout,
	})
	if err != nil {
		return err
	}
	p.onClose("IPFS node", func() error { return ipfs.Close(p.node) })
	if p.pins, err = ipfs.NewPins(p.node); err != nil {
		return err
	}
	if p.opts.Fatal != nil {
		p.pins.WhenBlocksFail(p.opts.Fatal)
	}
	p.links, err = newLinks(p.node)
	return err
}

func (p *Peer) openConsensus(context.Context) (err error) {
	p.consensus, err = consensus.Open(consensus.Options{
		Dir:       p.dir.cluster(),
		Host:      p.host,
		Logger:    logging.Named(p.logger, logging.Consensus),
		Heartbeat: p.opts.Heartbeat,
		DeadAfter: p.opts.DeadAfter,
		Slot:      slotOf,
		Gone:      p.gone,
		Weigh:     p.weigh,
		Outside:   p.outside,
		Observe:   p.opts.Observe,
		Tracer:    p.opts.Tracer,
		Fatal:     p.opts.Fatal,
	})
	if err != nil {
		return fmt.Errorf("open replicated pinset: %w", err)
	}
	p.onClose("replicated pinset", p.consensus.Close)
	return nil
}

func (p *Peer) openReconciler(context.Context) (err error) {
	p.reconciler = reconcile.New(reconcile.Options{
		ID: p.ID(), Name: p.opts.Name, Node: p.node, Pins: p.pins, Feed: p.consensus,
		Workers: p.opts.PinWorkers, Logger: p.logger,
	})
	p.pins.CollectOnlyIf(p.reconciler.Checked)
	p.service = newPeerService(p.life, p.greeted, p.admit)
	p.client, err = p.service.register(p.host)
	if err != nil {
		return err
	}
	p.onClose("peer service", func() error {
		p.host.RemoveStreamHandler(serviceProtocol)
		p.service.close()
		return nil
	})
	p.awaits = newAwaitClient(p.host)
	p.onClose("waits for holders", func() error { p.awaits.close(); return nil })
	p.openStreams()
	return nil
}

func (p *Peer) openCalls(context.Context) error {
	p.calls = newCalls(p.host, p.consensus.Peers)
	p.onClose("calls between peers", p.calls.Close)
	return nil
}

// openStreams serves what the members ask of each other all the time.
func (p *Peer) openStreams() {
	for id, server := range map[protocol.ID]*streamServer{
		awaitProtocol:   newAwaitServer(p.holding, readQuestion),
		awaitProtocol1:  newAwaitServer(p.holding, readQuestion1),
		surveyProtocol:  newStreamServer(p.answerSurvey),
		surveyProtocol1: newStreamServer(p.answerSurvey),
		changesProtocol: newStreamServer(p.tellChanges),
	} {
		p.host.SetStreamHandler(id, server.handle)
		p.onClose("streams of "+string(id), func() error {
			p.host.RemoveStreamHandler(id)
			server.close()
			return nil
		})
	}
}

func (p *Peer) openMesh(context.Context) error {
	p.mesh = &mesh{
		host: p.host, links: p.links, self: p.hello, client: p.client, key: p.identity.PrivateKey, secret: p.opts.Secret,
		life: p.life, places: p.opts.Places, expect: p.opts.Expect, settled: p.consensus.HasState, heard: p.heard,
		book: p.addressBook, logger: p.logger, peers: make(map[string]acquaintance),
	}
	return nil
}

// Serve finds the other peers, founds or rejoins the cluster and follows its pinset until ctx ends. It returns an
// error when the configuration makes that impossible. The peer keeps answering until Close.
func (p *Peer) Serve(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return p.mesh.serve(ctx) })
	g.Go(func() error { return p.begin(ctx) })
	g.Go(func() error { return p.stayMember(ctx) })
	g.Go(func() error { return p.announce(ctx) })
	g.Go(func() error { return p.reconciler.Serve(ctx) })
	g.Go(func() error { return p.settleDoubts(ctx) })
	g.Go(func() error { return p.settleSizes(ctx) })
	g.Go(func() error { return p.repin(ctx) })
	g.Go(func() error { return p.settings.Serve(ctx) })
	g.Go(func() error { return p.names.Serve(ctx) })
	g.Go(func() error { return p.files.Serve(ctx) })
	return g.Wait()
}

// Close hands over leadership, leaves the network and gives everything back, in the reverse order of opening. It may
// be called twice; Serve must have returned before.
func (p *Peer) Close() error {
	p.closeOnce.Do(func() {
		var errs []error
		for i := len(p.closers) - 1; i >= 0; i-- {
			if err := p.closers[i].close(); err != nil {
				errs = append(errs, fmt.Errorf("close %s: %w", p.closers[i].name, err))
			}
		}
		p.closeErr = errors.Join(errs...)
	})
	return p.closeErr
}

// ID is the peer's identity in the cluster; the embedded node has another one.
func (p *Peer) ID() peer.ID { return p.host.ID() }

// RPC returns the client for the orchestrator's components.
func (p *Peer) RPC() *rpc.Client { return p.clusterAPI.get() }

// Consensus describes this peer's part in the consensus.
func (p *Peer) Consensus() consensus.Status { return p.consensus.Status() }

// readyLag is how long ago the leader may have been heard from for this peer to count as ready.
func (p *Peer) readyLag() time.Duration { return 3 * p.opts.Heartbeat }

// Ready returns nil when this peer is a caught-up member of a cluster that has a leader, else the reason why not.
func (p *Peer) Ready() error {
	waiting := p.outside()
	status := p.consensus.Status()
	select {
	case <-p.consensus.Ready(context.Background()):
	default:
		if waiting != nil {
			return waiting
		}
		return errors.New("catching up with the cluster")
	}
	switch {
	case status.Leader == "":
		return errors.New("the cluster has no leader")
	case status.LastContact > p.readyLag():
		return fmt.Errorf("no word from the leader for %s", status.LastContact.Round(time.Millisecond))
	}
	return nil
}

// greeted answers a greeting.
func (p *Peer) greeted(ctx context.Context, from peer.ID, other Hello) Hello {
	p.links.meet(other)
	p.heard(from, other)
	return p.hello(ctx)
}

func (p *Peer) hello(ctx context.Context) Hello {
	members, _ := p.consensus.Peers(ctx) // none yet: nothing to tell
	return Hello{
		Name: p.opts.Name, Version: p.opts.Version, Process: p.life.Process, Node: p.node.Identity, NodeAddrs: ipfs.Addrs(p.node),
		HasState: p.consensus.HasState(), HasLeader: p.consensus.Status().Leader != "", Members: members,
		Genesis: p.word.Given(),
	}
}

// Monitor shows what the peers last published about themselves.
func (p *Peer) Monitor() Monitor { return p.monitor }
