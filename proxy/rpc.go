package proxy

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"

	cmds "github.com/ipfs/go-ipfs-cmds"
	"github.com/ipfs/kubo/commands"
	"github.com/ipfs/kubo/core"
	"github.com/ipfs/kubo/core/corehttp"
)

// RPCOptions configure the RPC API.
type RPCOptions struct {
	Node     *core.IpfsNode // this peer's
	Repo     string         // that node's repository directory
	Pinset   Pinset         // what commands that pin act on
	Peers    Peers          // this one and the others
	Listener net.Listener   // where clients connect
	Logger   *slog.Logger
}

// RPC is kubo's RPC API under /api/v0/. Commands that pin act on the whole cluster; a request that names a peer is
// answered by that one.
type RPC struct {
	Clients http.Handler // for everybody
	Members http.Handler // for the other members of the cluster only, who speak for clients of theirs
}

// NewRPC makes the RPC API of a peer.
func NewRPC(o RPCOptions) (*RPC, error) {
	apiNode := *o.Node // shares everything with the node but what must be cluster-wide
	apiNode.Pinning = newClusterPinner(o.Pinset, o.Node.DAG)
	cluster, err := kuboHandler(&apiNode, o)
	if err != nil {
		return nil, fmt.Errorf("serve RPC API: %w", err)
	}
	local, err := kuboHandler(o.Node, o)
	if err != nil {
		return nil, fmt.Errorf("serve RPC API of the node: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle(corehttp.APIPath+"/", withConsistency(withAcks(cluster)))
	// A collection goes by the pins of the node whose blocks it removes.
	mux.Handle(corehttp.APIPath+"/repo/gc", local)
	mux.Handle(corehttp.APIPath+"/shutdown", refuse("a peer is not stopped through its API; stop its service instead"))
	served := newAddressed(o.Peers, mux, mux, o.Logger)
	return &RPC{Clients: served, Members: served}, nil
}

// kuboHandler is kubo's own command tree on a node.
func kuboHandler(node *core.IpfsNode, o RPCOptions) (http.Handler, error) {
	env := commands.Context{
		ConfigRoot:    o.Repo,
		ReqLog:        &commands.ReqLog{},
		ConstructNode: func() (*core.IpfsNode, error) { return node, nil },
	}
	if _, err := env.GetAPI(); err != nil { // cached without a lock: make it before the first request
		return nil, err
	}
	return corehttp.MakeHandler(node, o.Listener, corehttp.CheckVersionOption(), corehttp.CommandsOption(env))
}

// refuse answers a command with an error in kubo's form.
func refuse(why string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", "OPTIONS, POST")
			http.Error(w, "405 - Method Not Allowed", http.StatusMethodNotAllowed)
			return
		}
		writeKuboError(w, http.StatusForbidden, cmds.Errorf(cmds.ErrForbidden, "%s", why))
	})
}
