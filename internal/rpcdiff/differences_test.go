package rpcdiff

// Where a difference shows.
func everywhere() []string { return []string{onePeer, threePeers, throughLB} }
func inCluster() []string  { return []string{threePeers, throughLB} }

// differences is the table of everything that is not as on a plain kubo, each with its reason. A difference counts for the
// first entry that covers it. All of them are in the nature of a cluster.
func differences() []difference {
	const (
		stop    = "a peer is stopped by its service, not through its API"
		own     = "each peer has its own network, settings and store"
		refused = "a setting that each peer has for itself, or with which no node could start, is not changed through the API"
		swap    = "the nodes of members exchange blocks by a protocol of their own"
		whole   = "a pin is acknowledged when the cluster has all that is below it, which kubo does not look at here"
		self    = "self is one key for the whole cluster, and no peer's identity"
		known   = "the nodes of a cluster know each other, so that there is somebody to ask"
	)
	return []difference{
		{test: "*", step: "*", field: "header X-Underlay-Peer", on: everywhere(), ours: "^<peer>$", why: "each answer names the peer that gave it"},
		{test: "*", step: "*", field: "header Access-Control-Expose-Headers", on: everywhere(), ours: "X-Underlay-Peer$", why: "scripts may read which peer answered", varies: true},
		{test: "*", step: "*", field: "body*Protocols*", on: everywhere(), ours: "/underlay/blocks/1", why: swap, varies: true},
		{test: "global encoding", step: "id", field: "body", on: everywhere(), ours: "/underlay/blocks/1", why: swap},
		{test: "safety repo gc", step: "HEAD", field: "framing", on: []string{onePeer, threePeers}, ours: "chunked", why: "the answers of all peers have no length beforehand"},
		{test: "pin add progress", step: "again", field: "body", on: everywhere(), why: "what is pinned already is not walked once more", varies: true},
		{test: "shutdown", step: "*", field: "status", on: everywhere(), ours: "403", why: stop},
		{test: "shutdown", step: "*", field: "body", on: everywhere(), ours: "is not stopped through its API", why: stop},
		{test: "shutdown", step: "*", field: "header X-Chunked-Output", on: everywhere(), why: stop},
		{test: "shutdown", step: "*", field: "framing", on: []string{onePeer, threePeers}, ours: "^chunked$", why: stop, varies: true},
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
		{test: "p2p", step: "one", field: "body.Listeners", on: inCluster(), why: own},
		{test: "config", step: "*", field: "body*Addresses.API", on: everywhere(), why: "this program's own listener serves the API"},
		{test: "config", step: "*", field: "body*Addresses.Gateway", on: everywhere(), why: "this program's own gateway"},
		{test: "config", step: "*", field: "body*Addresses.Swarm", on: everywhere(), why: "every node listens on ports of its own"},
		{test: "config", step: "*", field: "body*Datastore.Spec*", on: everywhere(), why: "blocks are synced, the rest is in Pebble"},
		{test: "config", step: "*", field: "body*Datastore.StorageMax", on: everywhere(), why: "the node may fill its volume"},
		{test: "config profile", step: "*", field: "body*Addresses*", on: everywhere(), why: own},
		{test: "config profile", step: "*", field: "body*Datastore*", on: everywhere(), why: own},
		{test: "config refused", step: "*", field: "status", on: everywhere(), ours: "^403$", why: refused},
		{test: "config refused", step: "*", field: "body*", on: everywhere(), why: refused},
		{test: "pin update", step: "to what nobody has", field: "body.Message", on: everywhere(), ours: "^\"context deadline exceeded\"$", why: "kubo walks both DAGs side by side and names the block"},
		{test: "dag put above what nobody has", step: "dag/put", field: "*", on: everywhere(), why: whole},
		{test: "dag put above what nobody has", step: "pin/rm", field: "*", on: everywhere(), why: whole},
		{test: "key", step: "*", field: "body.Keys[0].Id", on: everywhere(), ours: "varies", why: self},
		{test: "key import", step: "key/ls", field: "body.Keys[0].Id", on: everywhere(), ours: "varies", why: self},
		{test: "key import", step: "sign with self", field: "body.Key.Id", on: everywhere(), ours: "varies", why: self},
		{test: "key import", step: "by self", field: "body.Key.Id", on: everywhere(), ours: "varies", why: self},
		{test: "name", step: "by self", field: "body.Name", on: everywhere(), ours: "varies", why: self},
		{test: "safety sizes", step: "beyond a MiB", field: "*", on: []string{throughLB}, why: "nginx refuses it by a limit of its own"},
	}
}
