package restdiff

import "github.com/underlay/underlay/internal/apidiff"

// differences is the table of everything that is not as in the stock cluster, each with its reason. A difference counts for
// the first entry that covers it.
func differences() []apidiff.Difference {
	all := []apidiff.Difference{}
	for _, part := range [][]apidiff.Difference{identityDifferences(), stateDifferences(), refusalDifferences(), addDifferences(), leakDifferences()} {
		for _, d := range part {
			d.On = []string{"ours"}
			all = append(all, d)
		}
	}
	return all
}

// identityDifferences are about what the cluster is made of.
func identityDifferences() []apidiff.Difference {
	const (
		protocols = "the peers speak protocols of their own"
		known     = "the IPFS nodes of a cluster are connected for good"
		addresses = "peers are told all addresses of a node, since they may be in one private network; the stock cluster leaves out those"
		allow     = "405 is in the API's own form and says which methods there are"
	)
	return []apidiff.Difference{
		{Test: "*", Step: "*", Field: "body*.ipfs_peer_addresses", Ours: "varies", Why: addresses, Varies: true},
		{Test: "*", Step: "*", Field: "header X-Underlay-Peer", Why: "each answer names the peer that gave it", Varies: true},
		{Test: "*", Step: "*", Field: "header X-Request-Id", Why: "each answer names its request, as the logs of all peers do", Varies: true},
		{Test: "health", Step: "GET /health/bandwidth", Field: "body*", Why: protocols},
		{Test: "*client asks", Step: "BandwidthByProtocol", Field: "body*", Why: protocols},
		{Test: "ctl asks", Step: "health bandwidth*", Field: "body*", Why: protocols},
		{Test: "health", Step: "GET /health/graph", Field: "body[0].ipfs_links*", Why: known, Varies: true},
		{Test: "*client asks", Step: "GetConnectGraph", Field: "body.ipfs_links*", Why: known, Varies: true},
		{Test: "ctl asks", Step: "health graph*", Field: "body", Ours: "^(?:\\s*I<varies> -> I<varies>\\s*)+$", Why: known, Varies: true},
		{Test: "token", Step: "POST /token", Field: "*", Why: "without credentials there is nobody for whom a token could be, which asking for some would not help"},
		{Test: "routing", Step: "HEAD", Field: "header *", Why: allow},
		{Test: "routing", Step: "wrong method*", Field: "*", Why: allow},
		{Test: "routing", Step: "OPTIONS", Field: "*", Why: allow},
		{Test: "routing", Step: "root", Field: "*", Why: "the stock API redirects the root to itself, without end"},
		{Test: "removal", Step: "who is down", Field: "*", Why: "a peer that is down becomes a member, which the stock API reports as a fault"},
	}
}

// stateDifferences are about what is pinned and how that is told.
func stateDifferences() []apidiff.Difference {
	const (
		kept   = "what was asked for is kept with the pin"
		late   = "a follower of the stock cluster learns of a pin later than it is acknowledged"
		direct = "direct pins stay direct"
	)
	return []apidiff.Difference{
		{Test: "*", Step: "*", Field: "body*.user_allocations", Ours: `^\["\$id\d"\]$`, Why: kept, Varies: true},
		{Test: "*", Step: "*", Field: "body*.priority_pin", Ours: "^false$", Why: "no pin has to be preferred: new ones are not kept waiting by those that fail", Varies: true},
		{Test: "status", Step: "*", Field: "body*.metadata", Ours: "^null$", Why: "the stock tracker shows no metadata in two ways", Varies: true},
		{Test: "*", Step: "*", Field: "body*.peer_map.$id*", Ours: `"status":"(?:remote|sharded|pinned)"`, Why: late, Varies: true},
		{Test: "*", Step: "*", Field: "body*.mode", Ours: `^"direct"$`, Why: direct, Varies: true},
		{Test: "*", Step: "*", Field: "body*.max_depth", Ours: "^0$", Why: direct, Varies: true},
		{Test: "*", Step: "*", Field: "body*.allocations[*", Ours: `^"\$id\d"$`, Why: "which of the peers hold a pin depends on their free space", Varies: true},
		{Test: "pin change", Step: "recursive to direct", Field: "*", Ours: "400|unpin it first", Why: "what the pinset does not allow is the client's fault"},
		{Test: "add shards", Step: "default size", Field: "*", Why: "the stock API has no default size, though it says so"},
	}
}

// refusalDifferences are about faults of the client.
func refusalDifferences() []apidiff.Difference {
	const (
		clients = "a fault of the client is 400, and what cannot be found 404; the message names what is wrong"
		twice   = "the stock API refuses the request and pins all the same"
		silent  = "a value that is not understood is refused, and not taken for another"
		detail  = "the message says more"
	)
	return []apidiff.Difference{
		{Test: "members", Step: "*", Field: "body[0].message", Ours: "^\"error decoding ", Why: detail},
		{Test: "gc", Step: "neither", Field: "*", Why: silent},
		{Test: "status", Step: "*neither", Field: "*", Why: silent},
		{Test: "status filter", Step: "filter nonsense,pinned*", Field: "*", Why: silent},
		{Test: "status filter", Step: "filter *", Field: "body[0].message", Ours: "invalid filter value ", Why: detail},
		{Test: "allocations", Step: "a filter partly unknown", Field: "*", Why: silent},
		{Test: "allocations", Step: "unknown filter", Field: "body[0].message", Ours: "invalid filter value ", Why: detail},
		{Test: "pin refused", Step: "mode=banana", Field: "*", Why: silent},
		{Test: "pin refused", Step: "user-allocations=nonsense", Field: "*", Why: silent},
		{Test: "pin refused", Step: "replication*", Field: "*", Ours: "400|invalid|peers|larger|factors", Why: clients},
		{Test: "pin refused", Step: "expire-at=1999*", Field: "*", Ours: "400|in the past", Why: clients},
		{Test: "pin refused", Step: "*", Field: "body", Ours: `^\[\{"code":400,`, Why: twice},
		{Test: "path", Step: "bad option", Field: "body", Ours: `^\[\{"code":400,`, Why: twice},
		{Test: "path", Step: "*", Field: "*", Ours: "404|no link named", Why: clients},
		{Test: "*client pins", Step: "no such path", Field: "error", Ours: "^404: resolve ", Why: clients},
		{Test: "ctl pins", Step: "impossible factors", Field: "body", Ours: "400", Why: clients},
	}
}

// addDifferences are about adding.
func addDifferences() []apidiff.Difference {
	const (
		roots  = "every root is pinned, of several files and of CAR files"
		status = "an upload that fails before anything is told gets a status and not a trailer, and is no success"
		silent = "a value that is not understood is refused, and not taken for another"
		blame  = "a fault of the client is 400, and the message names the parameter"
		crash  = "the stock handler crashes on an upload without files"
	)
	return []apidiff.Difference{
		{Test: "add several roots", Step: "the first", Field: "*", Why: roots},
		{Test: "add CAR", Step: "two roots*", Field: "*", Why: roots},
		{Test: "add CAR", Step: "the second root", Field: "*", Why: roots},
		{Test: "add CAR", Step: "no CAR", Field: "*", Ours: "", Why: crash},
		{Test: "add CAR", Step: "not a CAR", Field: "*", Why: status},
		{Test: "add CAR", Step: "wrapped", Field: "*", Why: status},
		{Test: "add without content", Step: "no part", Field: "*", Why: crash},
		{Test: "add without content", Step: "broken off*", Field: "*", Why: status},
		{Test: "add refused", Step: "mode=banana*", Field: "*", Why: silent},
		{Test: "add refused", Step: "user-allocations=nonsense*", Field: "*", Why: silent},
		{Test: "add refused", Step: "*in a list", Field: "status", Ours: "^400$", Why: blame},
		{Test: "add refused", Step: "*in a list", Field: "body[0].*", Ours: "^400$|parameter|replication", Why: blame},
		{Test: "add refused", Step: "*in a list", Field: "header *", Why: blame, Varies: true},
		{Test: "add refused", Step: "*", Field: "*", Ours: "400|parameter|objects|absent|json", Why: status},
		{Test: "ctl adds", Step: "add --chunker=nonsense*", Field: "body*", Ours: "400|parameter", Why: blame},
		{Test: "*client adds", Step: "unknown chunker", Field: "error", Ours: "^400: parameter chunker", Why: blame},
	}
}
