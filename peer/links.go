package peer

import (
	"context"
	"sync"

	"github.com/ipfs/kubo/core"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/underlay/underlay/peer/ipfs"
	"github.com/underlay/underlay/peer/ipfs/swap"
)

// links connect this peer's embedded node with those of the other peers.
//
// A connection is made anew when it is to an earlier process of the other, or was there before the other was known. QUIC
// does not notice for half a minute that a process has died: what is sent to the new one may take the old connection and
// be lost, without an error, and bitswap sends an answer once. And bitswap asks only some peers for what nobody is known
// to have, those it is peered with among them: it does not come back to one that it passed over.
//
// The nodes that are met are the members' nodes: only those who hold the cluster's secret can greet, and a greeting says
// which node is theirs. They alone get blocks over the cluster's own protocol, see package swap; a peer that an operator
// has removed knows the secret too, and is barred.
type links struct {
	node   *core.IpfsNode
	blocks *swap.Exchange

	mu        sync.Mutex
	processes map[peer.ID]string // that were last met, by their node
	barred    map[peer.ID]bool   // nodes of removed peers
}

func newLinks(node *core.IpfsNode) (*links, error) {
	blocks, err := ipfs.Members(node)
	if err != nil {
		return nil, err
	}
	return &links{node: node, blocks: blocks, processes: make(map[peer.ID]string), barred: make(map[peer.ID]bool)}, nil
}

// meet takes note of who the other is now. If it is another process than before, connections to its node are closed; no
// other call returns meanwhile, so that none makes a connection that this one then closes.
func (l *links) meet(other Hello) {
	if other.Node == "" {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if last, known := l.processes[other.Node]; known && last == other.Process {
		return
	}
	l.processes[other.Node] = other.Process
	if !l.barred[other.Node] {
		defer l.blocks.Admit(other.Node)
	}
	_ = l.node.PeerHost.Network().ClosePeer(other.Node) // they are given up, whatever becomes of them
}

// bar keeps a removed peer's node from the blocks, or lets it come back.
func (l *links) bar(node peer.ID, removed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case removed == l.barred[node]:
	case removed:
		l.barred[node] = true
		l.blocks.Expel(node)
	default:
		delete(l.barred, node)
		l.blocks.Admit(node)
	}
}

// join connects the nodes for good.
func (l *links) join(ctx context.Context, other Hello) error {
	l.meet(other)
	info := peer.AddrInfo{ID: other.Node}
	for _, a := range other.NodeAddrs {
		if addr, _ := peer.SplitAddr(a.Value()); addr != nil {
			info.Addrs = append(info.Addrs, addr)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, greetTimeout)
	defer cancel()
	return ipfs.Join(ctx, l.node, info)
}

// joined tells whether the nodes are connected.
func (l *links) joined(other Hello) bool {
	return l.node.PeerHost.Network().Connectedness(other.Node) == network.Connected
}
