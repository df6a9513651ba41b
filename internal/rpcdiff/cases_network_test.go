package rpcdiff

import "time"

// strangerID is of a node that does not exist.
const strangerID = "12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA"

func networkCases() []testCase {
	return []testCase{
		{"swarm", []step{
			rpc("swarm/peers"), rpc("swarm/peers", "verbose=true", "streams=true", "latency=true", "direction=true", "identify=true").named("verbose"),
			rpc("swarm/addrs"), rpc("swarm/addrs/listen").omit("body"), rpc("swarm/addrs/local", "id=true").omit("body"), rpc("swarm/addrs/autonat").omit("body"),
			rpc("swarm/connect", "arg=/ip4/127.0.0.1/tcp/9/p2p/"+strangerID, "timeout=3s"), rpc("swarm/disconnect", "arg=/ip4/127.0.0.1/tcp/9/p2p/"+strangerID),
			rpc("swarm/connect", "arg=foo").named("nonsense"),
			rpc("swarm/filters"), rpc("swarm/filters/add", "arg=/ip4/192.0.2.0/ipcidr/24"), rpc("swarm/filters").named("one"), rpc("swarm/filters/rm", "arg=/ip4/192.0.2.0/ipcidr/24"),
			rpc("swarm/peering/ls"), rpc("swarm/peering/add", "arg=/ip4/127.0.0.1/tcp/9/p2p/"+strangerID), rpc("swarm/peering/rm", "arg="+strangerID),
			rpc("swarm/resources").omit("body"),
			rpc("ping", "arg="+strangerID, "count=1", "timeout=2s"),
		}},
		{"bootstrap", []step{
			rpc("bootstrap"), rpc("bootstrap/list", "expand-auto=true"),
			rpc("bootstrap/add", "arg=/ip4/127.0.0.1/tcp/9/p2p/"+strangerID), rpc("bootstrap/rm", "arg=/ip4/127.0.0.1/tcp/9/p2p/"+strangerID), rpc("bootstrap/rm/all"),
			rpc("bootstrap/add", "arg=foo").named("nonsense"),
		}},
		{"routing", []step{
			rpc("add").with(content("routing")).capture("c", `"Hash":"(\w+)"`),
			rpc("routing/findprovs", "arg="+absentCID, "num-providers=1", "verbose=true", "timeout=2s").omit("body"),
			rpc("routing/findpeer", "arg="+strangerID, "verbose=true", "timeout=2s").omit("body"),
			rpc("routing/get", "arg=/ipns/"+strangerID, "timeout=2s"), rpc("routing/put", "arg=/ipns/"+strangerID, "allow-offline=true").with(content("x")),
			rpc("routing/provide", "arg=$c", "recursive=true", "verbose=true"), rpc("routing/reprovide"),
			rpc("dht/query", "arg="+strangerID, "verbose=true", "timeout=2s").omit("body"),
			rpc("dht/findpeer", "arg="+strangerID), rpc("dht/findprovs", "arg="+absentCID), rpc("dht/get", "arg=x"), rpc("dht/put", "arg=x").with(content("x")), rpc("dht/provide", "arg=$c"),
		}},
		{"pubsub", []step{
			rpc("pubsub/ls"), rpc("pubsub/peers", "arg=uZm9v"), rpc("pubsub/pub", "arg=uZm9v").with(content("hello")),
			rpc("pubsub/sub", "arg=uZm9v").cutAfter(300 * time.Millisecond), rpc("pubsub/sub", "arg=foo").named("not encoded"),
			rpc("pubsub/reset"), rpc("pubsub/reset", "peer="+strangerID).named("of a peer"),
		}},
		{"p2p", []step{
			rpc("p2p/ls", "headers=true"), rpc("p2p/stream/ls", "headers=true"),
			rpc("p2p/listen", "arg=/x/diff", "arg=/ip4/127.0.0.1/tcp/9", "report-peer-id=true"), rpc("p2p/ls").named("one"),
			rpc("p2p/forward", "arg=/y/diff", "arg=/ip4/127.0.0.1/tcp/0", "arg=/p2p/"+strangerID), rpc("p2p/forward", "arg=foo", "arg=/ip4/127.0.0.1/tcp/0", "arg=/p2p/"+strangerID).named("bad name"),
			rpc("p2p/stream/close", "arg=1"), rpc("p2p/stream/close", "all=true").named("all streams"),
			rpc("p2p/close", "protocol=/x/diff"), rpc("p2p/close", "all=true").named("all"),
		}},
		{"filestore", []step{
			rpc("filestore/ls"), rpc("filestore/ls", "file-order=true").named("ordered"), rpc("filestore/verify"), rpc("filestore/dups"),
			rpc("filestore/verify", "remove-bad-blocks=true", "file-order=true").named("remove"),
		}},
	}
}

func configCases() []testCase {
	return []testCase{
		{"config", []step{
			rpc("config", "arg=Pubsub.Router"), rpc("config", "arg=No.Such.Key").named("no such key"),
			rpc("config", "arg=Pubsub.Router", "arg=floodsub").named("set"), rpc("config", "arg=Pubsub.Router").named("read again"),
			rpc("config", "arg=Pubsub.DisableSigning", "arg=false", "bool=true").named("bool"),
			rpc("config", "arg=Pubsub.Router", "arg=\"\"", "json=true").named("JSON"),
			rpc("config", "arg=Identity.PrivKey").named("the private key"),
			rpc("config", "arg=Bootstrap", "expand-auto=true").named("expanded"),
			rpc("config/show"), rpc("config/profile/apply", "arg=nonsense"), rpc("config/profile/apply", "arg=test", "dry-run=true").named("dry run"),
			rpc("config/replace").with(content("{")),
		}},
		{"config of imports", []step{
			rpc("config", "arg=Import.CidVersion", "arg=1", "json=true"),
			rpc("config", "arg=Import.UnixFSChunker", "arg=size-16").named("chunker"),
			rpc("config", "arg=Import.HashFunction", "arg=sha2-512").named("hash"),
			rpc("add", "pin=false").with(content("config of imports, in chunks")),
			rpc("block/put").with(content("config of imports")), rpc("dag/put").with(content(`{"config":"imports"}`)),
			rpc("config", "arg=Import", "arg={}", "json=true").named("back"),
			rpc("add", "pin=false").with(content("config of imports, in chunks")).named("add after that"),
		}},
	}
}
