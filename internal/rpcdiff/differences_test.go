package rpcdiff

import "slices"

// Where a difference shows.
func everywhere() []string { return []string{onePeer, threePeers, throughLB} }
func inCluster() []string  { return []string{threePeers, throughLB} }

// differences is the table of everything that is not as on a plain kubo, each with its reason. A difference counts for the
// first entry that covers it.
func differences() []difference { return slices.Concat(forGood(), forNow()) }

// forGood are differences that a cluster has by its nature.
func forGood() []difference {
	const (
		stop  = "a peer is stopped by its service, not through its API"
		own   = "each peer has its own network, settings and store"
		known = "the nodes of a cluster know each other, so that there is somebody to ask"
	)
	return []difference{
		{test: "shutdown", step: "*", field: "status", on: everywhere(), ours: "403", why: stop},
		{test: "shutdown", step: "*", field: "body", on: everywhere(), ours: "is not stopped through its API", why: stop},
		{test: "shutdown", step: "*", field: "header X-Chunked-Output", on: everywhere(), why: stop},
		{test: "id stays", step: "again", field: "body*", on: inCluster(), why: "each peer has an identity of its own"},
		{test: "id stays", step: "asked for it", field: "body*", on: inCluster(), why: "another peer sees of a peer what it needs to reach it", varies: true},
		{test: "id", step: "a stranger", field: "body.Message", on: inCluster(), ours: "routing: not found", why: known},
		{test: "routing", step: "dht/query", field: "trailer X-Stream-Error", on: []string{threePeers}, why: known, varies: true},
		{test: "swarm", step: "ping", field: "body", on: inCluster(), ours: "Looking up peer", why: known},
		{test: "swarm", step: "ping", field: "trailer X-Stream-Error", on: []string{threePeers}, ours: "routing: not found", why: known},
		{test: "swarm", step: "swarm/addrs", field: "body.Addrs*", on: everywhere(), why: own},
		{test: "swarm", step: "swarm/peers", field: "body.Peers", on: inCluster(), why: own},
		{test: "swarm", step: "verbose", field: "body.Peers", on: inCluster(), why: own},
		{test: "swarm", step: "swarm/peering/ls", field: "body.Peers", on: inCluster(), why: own},
		{test: "swarm", step: "one", field: "body.Strings", on: inCluster(), why: own},
		{test: "swarm", step: "swarm/filters/rm", field: "body.Strings", on: inCluster(), why: own},
		{test: "bootstrap", step: "bootstrap/rm", field: "body.Peers", on: inCluster(), why: own},
		{test: "p2p", step: "one", field: "body.Listeners", on: inCluster(), why: own},
		{test: "config", step: "*", field: "body*Addresses.API", on: everywhere(), why: "this program's own listener serves the API"},
		{test: "config", step: "*", field: "body*Addresses.Gateway", on: everywhere(), why: "this program's own gateway"},
		{test: "config", step: "*", field: "body*Addresses.Swarm", on: everywhere(), why: "every node listens on ports of its own"},
		{test: "config", step: "*", field: "body*Datastore.Spec*", on: everywhere(), why: "blocks are synced, the rest is in Pebble"},
		{test: "config", step: "*", field: "body*Datastore.StorageMax", on: everywhere(), why: "the node may fill its volume"},
		{test: "config", step: "read again", field: "body.Value", on: inCluster(), why: own},
		{test: "pin remote", step: "*", field: "*", on: inCluster(), why: "remote services are settings of one peer"},
		{test: "pin update", step: "to what nobody has", field: "body.Message", on: everywhere(), ours: "^\"context deadline exceeded\"$", why: "kubo walks both DAGs side by side and names the block"},
		{test: "safety sizes", step: "beyond a MiB", field: "*", on: []string{throughLB}, why: "nginx refuses it by a limit of its own"},
	}
}

// forNow are differences that shall go.
func forNow() []difference {
	const (
		files   = "until the mutable file system is one for the cluster"
		keys    = "until keys and names are one for the cluster"
		config  = "until settings are one for the cluster"
		nodes   = "until commands that read and remove unpinned blocks act on all peers"
		refusal = "until the refusal has the headers of every other answer"
	)
	return []difference{
		{test: "shutdown", step: "*", field: "framing", on: everywhere(), ours: "length", why: refusal},
		{test: "shutdown", step: "*", field: "header Access-Control-*", on: everywhere(), why: refusal},
		{test: "shutdown", step: "*", field: "header Server", on: everywhere(), why: refusal},
		{test: "shutdown", step: "*", field: "header Vary", on: everywhere(), why: refusal},
		{test: "shutdown", step: "*", field: "header X-Custom", on: everywhere(), why: refusal},
		{test: "add to-files", step: "look *", field: "*", on: inCluster(), why: files},
		{test: "files", step: "*", field: "*", on: inCluster(), why: files},
		{test: "files and pins", step: "*", field: "*", on: inCluster(), why: files},
		{test: "key", step: "*", field: "*", on: inCluster(), why: keys},
		{test: "name", step: "*", field: "*", on: inCluster(), why: keys},
		{test: "config of imports", step: "*", field: "body.*", on: inCluster(), why: config},
		{test: "global offline", step: "cat of unpinned", field: "*", on: inCluster(), why: nodes},
		{test: "block rm", step: "*", field: "*", on: inCluster(), why: nodes},
		{test: "repo ls", step: "everything", field: "body", on: inCluster(), why: files},
		{test: "repo gc", step: "everything", field: "body", on: inCluster(), why: files},
		{test: "repo ls", step: "re*", field: "body", on: inCluster(), why: nodes},
		{test: "repo gc", step: "*", field: "*", on: inCluster(), why: "until a collection is on all peers"},
		{test: "pin verify", step: "*", field: "body", on: inCluster(), why: nodes, varies: true},
		{test: "pin add progress", step: "pin/add", field: "body", on: everywhere(), why: "until the cluster's pinner reports progress"},
		{test: "pin add progress", step: "again", field: "body", on: everywhere(), why: "until the cluster's pinner reports progress"},
		{test: "pin add of a hole", step: "with progress", field: "body.*", on: everywhere(), ours: "absent", why: "until the cluster's pinner reports progress"},
		{test: "pin add of a hole", step: "offline", field: "body.Message", on: inCluster(), ours: "not found locally", why: nodes},
		{test: "add an empty block", step: "add", field: "*", on: inCluster(), why: "until the empty raw block is on every peer: bitswap does not carry it"},
	}
}
