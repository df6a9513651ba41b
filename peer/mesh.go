package peer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	rpc "github.com/libp2p/go-libp2p-gorpc"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	ma "github.com/multiformats/go-multiaddr"
	"golang.org/x/sync/errgroup"

	"github.com/underlay/underlay/consensus"
)

// How often a lost or not yet found peer is tried, and a connected one greeted again.
const (
	dialInterval  = 500 * time.Millisecond
	greetInterval = 15 * time.Second
	greetTimeout  = 5 * time.Second
)

// mesh keeps this peer connected to the others, and their nodes to its node. It learns who they are by
// greeting them, and so decides when a new cluster can begin.
type mesh struct {
	host    host.Host
	links   *links
	self    func(context.Context) Hello
	client  *rpc.Client
	key     crypto.PrivKey
	secret  []byte
	life    Life
	places  Places               // nil: nowhere
	expect  int                  // how many first members a new cluster has; 0: one at each address
	settled func() bool          // whether this peer belongs to a cluster
	heard   func(peer.ID, Hello) // is told every greeting
	book    func(context.Context) ([]member, error)
	logger  *slog.Logger

	mu    sync.Mutex
	asked bool                    // where peers may be
	addrs []string                // the answer, as of now
	peers map[string]acquaintance // by one of these addresses, or by the ID of a member
}

// acquaintance is what is known of another peer.
type acquaintance struct {
	id    peer.ID // empty until the first handshake
	hello Hello   // the latest greeting; its Node is empty until the first
	err   error   // of the latest attempt

	greeted time.Time
}

// serve stays in touch with the peers at all addresses, and with every member, until ctx ends.
func (m *mesh) serve(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return m.look(ctx) })
	g.Go(func() error { return m.keepMembers(ctx) })
	return g.Wait()
}

// keep stays in touch with the peer at one address until ctx ends. An error means that this peer must not go on.
func (m *mesh) keep(ctx context.Context, addr string) error {
	tick := time.NewTicker(dialInterval)
	defer tick.Stop()
	for {
		if a := m.at(addr); a.id != m.host.ID() && (!m.connected(a) || time.Since(a.greeted) > greetInterval) {
			a, err := m.meet(ctx, addr, a)
			if ctx.Err() != nil {
				return nil
			}
			if errors.Is(err, ErrTwin) {
				return err
			}
			m.report(addr, m.at(addr).err, err)
			if a.err = err; err == nil {
				a.greeted = time.Now()
			}
			m.note(addr, a)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// connected tells whether this peer and its node are connected to the other and to its node.
func (m *mesh) connected(a acquaintance) bool {
	return a.err == nil && a.id != "" && m.host.Network().Connectedness(a.id) == network.Connected && m.links.joined(a.hello)
}

// meet makes sure that the peer at addr is known, connected and greeted.
func (m *mesh) meet(ctx context.Context, addr string, a acquaintance) (acquaintance, error) {
	if a.id == "" || m.host.Network().Connectedness(a.id) != network.Connected {
		id, err := learnPeerID(ctx, addr, m.key, m.secret)
		if err != nil {
			return a, err
		}
		if id == m.host.ID() { // the addresses may be this peer's too
			if err := m.checkTwin(ctx, addr); err != nil {
				return a, err
			}
			return acquaintance{id: id}, nil
		}
		a = acquaintance{id: id}
	}
	if err := m.connect(ctx, addr, a.id); err != nil {
		return a, err
	}
	hello, err := m.greet(ctx, a.id)
	if err != nil {
		return a, err
	}
	a.hello = hello
	m.join(ctx, hello)
	return a, nil
}

func (m *mesh) connect(ctx context.Context, addr string, id peer.ID) error {
	target, err := dialAddr(addr)
	if err != nil {
		return err
	}
	return m.connectTo(ctx, peer.AddrInfo{ID: id, Addrs: []ma.Multiaddr{target}})
}

// connectTo connects to a peer whatever was tried before, and remembers its addresses for those who dial it by its ID.
func (m *mesh) connectTo(ctx context.Context, info peer.AddrInfo) error {
	m.host.Peerstore().AddAddrs(info.ID, info.Addrs, peerstore.PermanentAddrTTL)
	if s, ok := m.host.Network().(*swarm.Swarm); ok {
		s.Backoff().Clear(info.ID)
	}
	if err := m.host.Connect(ctx, info); err != nil {
		return fmt.Errorf("connect to peer %s at %v: %w", info.ID, info.Addrs, err)
	}
	return nil
}

func (m *mesh) greet(ctx context.Context, id peer.ID) (Hello, error) {
	ctx, cancel := context.WithTimeout(ctx, greetTimeout)
	defer cancel()
	var hello Hello
	if err := m.client.CallContext(ctx, id, "Peer", "Hello", m.self(ctx), &hello); err != nil {
		return hello, fmt.Errorf("greet peer %s: %w", id, err)
	}
	m.heard(id, hello)
	return hello, nil
}

// join connects the nodes. Without that this peer is still a member, so a failure only means that it is tried again.
func (m *mesh) join(ctx context.Context, other Hello) {
	if err := m.links.join(ctx, other); err != nil {
		m.logger.Debug("cannot join the other peer's IPFS node yet", "error", err)
	}
}

// report logs the first of a row of equal failures, and the success that ends it.
func (m *mesh) report(addr string, before, now error) {
	switch {
	case now == nil && before != nil:
		m.logger.Info("reached peer", "addr", addr)
	case now != nil && errors.Is(now, errSecretDiffers) && !errors.Is(before, errSecretDiffers):
		m.logger.Error("cannot join peer", "addr", addr, "error", now)
	case now != nil && before == nil:
		m.logger.Info("cannot reach peer yet", "addr", addr, "error", now)
	}
}

func (m *mesh) at(addr string) acquaintance {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.peers[addr]
}

func (m *mesh) note(addr string, a acquaintance) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.peers[addr] = a
}

// errWaiting says what a peer without a cluster waits for.
var errWaiting = fmt.Errorf("%w yet", consensus.ErrNotMember)

// stranger returns a member of a cluster that has a leader and does not count this peer among its members. known are the
// members of the cluster that this peer belonged to last: one that has none of them is another cluster, and no concern of
// this peer.
func (m *mesh) stranger(known []peer.ID) (peer.ID, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, a := range m.peers {
		if a.err == nil && a.hello.HasLeader && !slices.Contains(a.hello.Members, m.host.ID()) && sameCluster(known, a.hello.Members) {
			return a.id, true
		}
	}
	return "", false
}

// sameCluster tells whether a peer that knew these members, or none, may belong to the cluster that has those now.
func sameCluster(known, members []peer.ID) bool {
	return len(known) == 0 || slices.ContainsFunc(known, func(id peer.ID) bool { return slices.Contains(members, id) })
}

// founders returns the peers that may begin a new cluster, sorted, once enough have been met and none has state. Until then
// the error says what is missing. It is errSecretDiffers when no peer at all accepts our secret, which only a wrong
// configuration explains.
func (m *mesh) founders() ([]peer.ID, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.places != nil && !m.asked {
		return nil, fmt.Errorf("%w: waiting to find out where the other peers may be", errWaiting)
	}
	ids := []peer.ID{m.host.ID()}
	var silent []string
	var refused error
	for _, addr := range m.addrs {
		switch a := m.peers[addr]; {
		case a.id == m.host.ID():
		case a.hello.Node == "":
			silent = append(silent, addr)
			if errors.Is(a.err, errSecretDiffers) {
				refused = fmt.Errorf("peer at %s: %w", addr, a.err)
			}
		case a.hello.HasState:
			return nil, fmt.Errorf("%w: waiting for the cluster of %s to find a leader", errWaiting, addr)
		default:
			ids = append(ids, a.id)
		}
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	expect := m.expect
	if expect == 0 {
		expect = len(ids) + len(silent)
	}
	switch {
	case len(ids) >= expect:
		return ids[:expect], nil
	case refused != nil && len(ids) == 1:
		return nil, refused
	}
	return nil, fmt.Errorf("%w: waiting for %d peers, have %d%s", errWaiting, expect, len(ids), noAnswer(silent))
}

func noAnswer(addrs []string) string {
	if len(addrs) == 0 {
		return ""
	}
	return "; no answer from " + strings.Join(addrs, ", ")
}
