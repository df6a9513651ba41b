package rpc

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/ipfs/boxo/blockservice"
	"github.com/ipfs/boxo/exchange/offline"
	"github.com/ipfs/boxo/ipld/merkledag"
	ipld "github.com/ipfs/go-ipld-format"
	"github.com/ipfs/kubo/core"
	corecommands "github.com/ipfs/kubo/core/commands"
	"github.com/ipfs/kubo/core/corehttp"
)

// seesCluster tells whether a command takes the blocks of all peers for local ones. The others act on this peer's
// node: those that write must know what is here, and those that may use the network get from it what the peers have.
func seesCluster(r *http.Request) bool {
	switch commandOf(r) {
	case "refs/local", "repo/ls", "block/rm", "pin/verify":
		return true
	case "dag/export":
		return option(r, "offline") || option(r, "local-only")
	case "block/get", "block/stat", "cat", "dag/get", "dag/resolve", "dag/stat", "get", "ls", "object/diff", "pin/add", "refs", "resolve":
		return option(r, "offline")
	}
	return false
}

// ifPinsetKnown stands before commands that tell what fails item by item: that the pinset cannot be read now concerns them as a
// whole, and the same request may succeed a little later.
func ifPinsetKnown(pinset Pinset, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch commandOf(r) {
		case "block/rm", "pin/verify":
			if _, err := pinset.State(r.Context()); err != nil {
				writeFailure(w, err)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// commandOf is the command that a request is for, which kubo finds in the path before an argument: "block/get" for
// /api/v0/block/get/CID. It is empty when there is none.
func commandOf(r *http.Request) string {
	command, _ := commandAndArgument(r)
	return command
}

// commandAndArgument is commandOf, and whether something comes after the command in the path.
func commandAndArgument(r *http.Request) (command string, argument bool) {
	var names []string
	at := corecommands.Root
	for name := range strings.SplitSeq(strings.TrimPrefix(r.URL.Path, corehttp.APIPath+"/"), "/") {
		if at = at.Subcommands[name]; at == nil {
			argument = true
			break
		}
		names = append(names, name)
	}
	return strings.Join(names, "/"), argument
}

// option tells whether an option of a command is set, as kubo reads it.
func option(r *http.Request, name string) bool {
	query := r.URL.Query()
	if !query.Has(name) {
		return false
	}
	value := query.Get(name)
	set, err := strconv.ParseBool(value)
	return value == "" || err == nil && set
}

// newClusterNode is the node of the commands that see the cluster.
func newClusterNode(apiNode core.IpfsNode, pins, reading *clusterPinner, blocks *clusterBlocks) *core.IpfsNode {
	apiNode.Blockstore = blocks
	apiNode.Blocks = blockservice.New(blocks, apiNode.Exchange)
	apiNode.Pinning = splitPinner{reading, pins}
	return &apiNode
}

// newReadingPinner answers questions about pins by the blocks that the peers have: it keeps none, and waits for none that
// they do not have.
func newReadingPinner(pins Pinset, blocks *clusterBlocks) *clusterPinner {
	return newClusterPinner(pins, merkledag.NewDAGService(blockservice.New(blocks, offline.Exchange(blocks))))
}

// splitPinner answers questions by the blocks of all peers, and pins on this one.
type splitPinner struct {
	*clusterPinner // for questions
	pins           *clusterPinner
}

// Pin pins the node with everything below it if recursive is set. As kubo does, it fetches that also for a request that
// is offline.
func (p splitPinner) Pin(ctx context.Context, node ipld.Node, recursive bool, name string) error {
	return p.pins.Pin(ctx, node, recursive, name)
}
