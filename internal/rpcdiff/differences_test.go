package rpcdiff

import "github.com/underlay/underlay/internal/apidiff"

// Where a difference shows.
func everywhere() []string { return []string{onePeer, threePeers, throughLB} }
func inCluster() []string  { return []string{threePeers, throughLB} }

// differences is the table of everything that is not as on a plain kubo, each with its reason. A difference counts for the
// first entry that covers it. All of them are in the nature of a cluster.
func differences() []apidiff.Difference {
	const (
		stop    = "a peer is stopped by its service, not through its API"
		own     = "each peer has its own network, settings and store"
		refused = "a setting that each peer has for itself, or with which no node could start, is not changed through the API"
		swap    = "the nodes of members exchange blocks by a protocol of their own"
		whole   = "a pin is acknowledged when the cluster has all that is below it, which kubo does not look at here"
		self    = "self is one key for the whole cluster, and no peer's identity"
		known   = "the nodes of a cluster know each other, so that there is somebody to ask"
	)
	return []apidiff.Difference{
		{Test: "*", Step: "*", Field: "header X-Underlay-Peer", On: everywhere(), Ours: "^<peer>$", Why: "each answer names the peer that gave it"},
		{Test: "*", Step: "*", Field: "header X-Request-Id", On: everywhere(), Ours: "^[A-Z2-7]{26}$", Why: "each answer names its request, as the logs of all peers do"},
		{Test: "*", Step: "*", Field: "header Access-Control-Expose-Headers", On: everywhere(), Ours: "X-Underlay-Peer$", Why: "scripts may read which peer answered", Varies: true},
		{Test: "*", Step: "*", Field: "body*Protocols*", On: everywhere(), Ours: "/underlay/blocks/1", Why: swap, Varies: true},
		{Test: "global encoding", Step: "id", Field: "body", On: everywhere(), Ours: "/underlay/blocks/1", Why: swap},
		{Test: "safety repo gc", Step: "HEAD", Field: "framing", On: []string{onePeer, threePeers}, Ours: "chunked", Why: "the answers of all peers have no length beforehand"},
		{Test: "pin add progress", Step: "again", Field: "body", On: everywhere(), Why: "what is pinned already is not walked once more", Varies: true},
		{Test: "shutdown", Step: "*", Field: "status", On: everywhere(), Ours: "403", Why: stop},
		{Test: "shutdown", Step: "*", Field: "body", On: everywhere(), Ours: "is not stopped through its API", Why: stop},
		{Test: "shutdown", Step: "*", Field: "header X-Chunked-Output", On: everywhere(), Why: stop},
		{Test: "shutdown", Step: "*", Field: "framing", On: []string{onePeer, threePeers}, Ours: "^chunked$", Why: stop, Varies: true},
		{Test: "id stays", Step: "again", Field: "body*", On: inCluster(), Why: "each peer has an identity of its own"},
		{Test: "id stays", Step: "asked for it", Field: "body*", On: inCluster(), Why: "another peer sees of a peer what it needs to reach it", Varies: true},
		{Test: "id", Step: "a stranger", Field: "body.Message", On: inCluster(), Ours: "routing: not found", Why: known},
		{Test: "routing", Step: "dht/query", Field: "trailer X-Stream-Error", On: []string{threePeers}, Why: known, Varies: true},
		{Test: "swarm", Step: "ping", Field: "body", On: inCluster(), Ours: "Looking up peer", Why: known},
		{Test: "swarm", Step: "ping", Field: "trailer X-Stream-Error", On: []string{threePeers}, Ours: "routing: not found", Why: known},
		{Test: "swarm", Step: "swarm/addrs", Field: "body.Addrs*", On: everywhere(), Why: own},
		{Test: "swarm", Step: "swarm/peers", Field: "body.Peers", On: inCluster(), Why: own},
		{Test: "swarm", Step: "verbose", Field: "body.Peers", On: inCluster(), Why: own},
		{Test: "swarm", Step: "swarm/peering/ls", Field: "body.Peers", On: inCluster(), Why: own},
		{Test: "swarm", Step: "one", Field: "body.Strings", On: inCluster(), Why: own},
		{Test: "swarm", Step: "swarm/filters/rm", Field: "body.Strings", On: inCluster(), Why: own},
		{Test: "p2p", Step: "one", Field: "body.Listeners", On: inCluster(), Why: own},
		{Test: "config", Step: "*", Field: "body*Addresses.API", On: everywhere(), Why: "this program's own listener serves the API"},
		{Test: "config", Step: "*", Field: "body*Addresses.Gateway", On: everywhere(), Why: "this program's own gateway"},
		{Test: "config", Step: "*", Field: "body*Addresses.Swarm", On: everywhere(), Why: "every node listens on ports of its own"},
		{Test: "config", Step: "*", Field: "body*Datastore.Spec*", On: everywhere(), Why: "blocks are synced, the rest is in Pebble"},
		{Test: "config", Step: "*", Field: "body*Datastore.StorageMax", On: everywhere(), Why: "the node may fill its volume"},
		{Test: "config profile", Step: "*", Field: "body*Addresses*", On: everywhere(), Why: own},
		{Test: "config profile", Step: "*", Field: "body*Datastore*", On: everywhere(), Why: own},
		{Test: "config refused", Step: "*", Field: "status", On: everywhere(), Ours: "^403$", Why: refused},
		{Test: "config refused", Step: "*", Field: "body*", On: everywhere(), Why: refused},
		{Test: "pin update", Step: "to what nobody has", Field: "body.Message", On: everywhere(), Ours: "^\"context deadline exceeded\"$", Why: "kubo walks both DAGs side by side and names the block"},
		{Test: "dag put above what nobody has", Step: "dag/put", Field: "*", On: everywhere(), Why: whole},
		{Test: "dag put above what nobody has", Step: "pin/rm", Field: "*", On: everywhere(), Why: whole},
		{Test: "key", Step: "*", Field: "body.Keys[0].Id", On: everywhere(), Ours: "varies", Why: self},
		{Test: "key import", Step: "key/ls", Field: "body.Keys[0].Id", On: everywhere(), Ours: "varies", Why: self},
		{Test: "key import", Step: "sign with self", Field: "body.Key.Id", On: everywhere(), Ours: "varies", Why: self},
		{Test: "key import", Step: "by self", Field: "body.Key.Id", On: everywhere(), Ours: "varies", Why: self},
		{Test: "name", Step: "by self", Field: "body.Name", On: everywhere(), Ours: "varies", Why: self},
		{Test: "safety sizes", Step: "beyond a MiB", Field: "*", On: []string{throughLB}, Why: "nginx refuses it by a limit of its own"},
	}
}
