package proxy

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"

	cmds "github.com/ipfs/go-ipfs-cmds"
	"github.com/ipfs/kubo/commands"
	"github.com/ipfs/kubo/core"
	"github.com/ipfs/kubo/core/corehttp"
)

// NewRPC serves kubo's RPC API under /api/v0/ for the listener l. Commands that pin act on the whole cluster through
// pins; every other one acts on this peer's node. repo is the node's repository directory.
func NewRPC(node *core.IpfsNode, pins Pinset, repo string, l net.Listener) (http.Handler, error) {
	apiNode := *node // shares everything with the node but what must be cluster-wide
	apiNode.Pinning = newClusterPinner(pins, node.DAG)
	apiNode.Blockstore = pausing{node.Blockstore}
	cluster, err := kuboHandler(&apiNode, repo, l)
	if err != nil {
		return nil, fmt.Errorf("serve RPC API: %w", err)
	}
	local, err := kuboHandler(node, repo, l)
	if err != nil {
		return nil, fmt.Errorf("serve RPC API of the node: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle(corehttp.APIPath+"/", withConsistency(withAcks(cluster)))
	// A collection goes by the pins of the node whose blocks it removes.
	mux.Handle(corehttp.APIPath+"/repo/gc", local)
	mux.Handle(corehttp.APIPath+"/shutdown", refuse("a peer is not stopped through its API; stop its service instead"))
	return mux, nil
}

// kuboHandler is kubo's own command tree on a node.
func kuboHandler(node *core.IpfsNode, repo string, l net.Listener) (http.Handler, error) {
	env := commands.Context{
		ConfigRoot:    repo,
		ReqLog:        &commands.ReqLog{},
		ConstructNode: func() (*core.IpfsNode, error) { return node, nil },
	}
	if _, err := env.GetAPI(); err != nil { // cached without a lock: make it before the first request
		return nil, err
	}
	return corehttp.MakeHandler(node, l, corehttp.CheckVersionOption(), corehttp.CommandsOption(env))
}

// refuse answers a command with an error in kubo's form.
func refuse(why string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", "OPTIONS, POST")
			http.Error(w, "405 - Method Not Allowed", http.StatusMethodNotAllowed)
			return
		}
		body, err := json.Marshal(cmds.Errorf(cmds.ErrForbidden, "%s", why))
		if err != nil {
			http.Error(w, errors.Unwrap(err).Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write(append(body, '\n')) // the client is gone if this fails
	})
}
