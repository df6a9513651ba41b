package rpc

import (
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"

	cmds "github.com/ipfs/go-ipfs-cmds"
	"github.com/ipfs/kubo/core"

	"github.com/underlay/underlay/proxy/consistency"
	"github.com/underlay/underlay/proxy/member"
)

// Options configure the RPC API.
type Options struct {
	Node     *core.IpfsNode // this peer's
	Repo     string         // that node's repository directory
	Pinset   Pinset         // what commands that pin act on
	Keys     Keys           // what commands for keys and names act on
	Peers    member.Peers   // this one and the others
	Collect  Collector      // prepares that node for a collection
	Settings Settings       // of that node; most are those of all
	Files    Files          // the cluster's mutable file system
	Copies   int            // how many peers hold what is pinned; all if it is not positive
	Listener net.Listener   // where clients connect
	Logger   *slog.Logger
	Logs     Logs // of this process; nil: log/tail is kubo's own
}

// API is kubo's RPC API under /api/v0/. Commands that pin, and those for which the peers' blocks are local ones, act on the
// whole cluster; a request that names a peer is answered by that one, for its own node. It asks for no authorization, not
// even for kubo's own (API.Authorizations): a guard before it does, on the peer that a client came to.
type API struct {
	Clients http.Handler // for those who are let in
	Members http.Handler // for the members of the cluster only, who speak for their clients or for themselves
}

// New makes the RPC API of a peer.
func New(o Options) (*API, error) {
	pins := newClusterPinner(o.Pinset, o.Node.DAG)
	blocks := newClusterBlocks(o.Node.Blockstore, o.Peers)
	apiNode := *o.Node // shares everything with the node but what must be cluster-wide
	apiNode.Pinning = pins
	apiNode.Blockstore = pausing{o.Node.Blockstore}
	kubo, err := newKubo(o)
	if err != nil {
		return nil, err
	}
	own, err := kubo.commands(&apiNode)
	if err != nil {
		return nil, fmt.Errorf("serve RPC API: %w", err)
	}
	reading := newReadingPinner(o.Pinset, blocks)
	clusterNode := newClusterNode(apiNode, pins, reading, blocks)
	all, err := kubo.commands(clusterNode)
	if err != nil {
		return nil, fmt.Errorf("serve RPC API with the blocks of all peers: %w", err)
	}
	importKeysToNode()
	own = withKeys(kubo, &apiNode, clusterNode, o.Keys, own)
	memberNode := apiNode
	memberNode.Pinning = reading
	trusted, err := kubo.commands(&memberNode)
	if err != nil {
		return nil, fmt.Errorf("serve RPC API for the other peers: %w", err)
	}
	files := &filesAPI{files: o.Files, kubo: kubo, node: &apiNode, all: clusterNode}
	alone := commandMux{
		"repo/gc":  collectHere(kubo, o, collectPatience), // by the pins of the node whose blocks are removed
		"shutdown": refuse(kubo, "a peer is not stopped through its API; stop its service instead"),
		"log/tail": withLogs(o.Logs, own),
		"":         consistency.With(withAcks(ifPinsetKnown(o.Pinset, files.use(own)))),
	}
	settingsAPI{kubo: kubo, node: &apiNode, own: own, settings: o.Settings, members: blocks.members}.commands(alone)
	whole := maps.Clone(alone)
	whole["repo/gc"] = collectAll(o.Peers)
	whole["repo/stat"] = statCluster(kubo, o, blocks)
	whole["stats/repo"] = whole["repo/stat"]
	whole[""] = consistency.With(withAcks(ifPinsetKnown(o.Pinset, files.use(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if seesCluster(r) {
			all.ServeHTTP(w, r)
			return
		}
		own.ServeHTTP(w, r)
	})))))
	addressed := member.Address(o.Peers, named, alone, whole, o.Logger)
	members := http.NewServeMux()
	members.Handle("/", addressed)
	members.Handle(filesPath, o.Files)
	members.Handle(member.NodePath+"/", http.StripPrefix(member.NodePath, trusted))
	members.Handle(member.NodePath+hasPath, answerHas(o.Node.Blockstore))
	members.Handle(member.NodePath+settingsPath, answerSettings(o.Settings))
	return &API{Clients: blocks.members.toOwner(routeFiles(o.Files, addressed)), Members: members}, nil
}

// commandMux finds the handler of a command; that of "" is for all others.
type commandMux map[string]http.Handler

func (m commandMux) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h, ok := m[commandOf(r)]
	if !ok {
		h = m[""]
	}
	h.ServeHTTP(w, r)
}

// refuse answers a command as kubo does when it fails, but with the status of what is not allowed.
func refuse(k kubo, why string) http.Handler {
	failing := k.onNodeOf(func(*http.Request) (*core.IpfsNode, error) {
		return nil, cmds.Errorf(cmds.ErrForbidden, "%s", why)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		failing.ServeHTTP(forbidding{w}, r)
	})
}

// forbidding turns the status of a failure into that of a refusal.
type forbidding struct{ http.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (w forbidding) WriteHeader(status int) {
	if status == http.StatusInternalServerError {
		status = http.StatusForbidden
	}
	w.ResponseWriter.WriteHeader(status)
}

// Flush implements http.Flusher, which kubo looks for.
func (w forbidding) Flush() { _ = http.NewResponseController(w.ResponseWriter).Flush() }

// Unwrap lets http.ResponseController reach what is below.
func (w forbidding) Unwrap() http.ResponseWriter { return w.ResponseWriter }
