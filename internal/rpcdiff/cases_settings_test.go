package rpcdiff

import "strings"

// settingsCases change the configuration, and read it through the next peer. Each puts back what it has changed.
func settingsCases() []testCase {
	const back = "arg={}"
	return []testCase{
		{"config forms", []step{
			rpc("config/Ipns.ResolveCacheSize").named("path"),
			rpc("config/Ipns.ResolveCacheSize", "arg=77", "json=true").named("path and value"), rpc("config", "arg=Ipns.ResolveCacheSize").named("its value"),
			rpc("config", "arg=Ipns.ResolveCacheSize", "arg=78").named("text for a number"), rpc("config", "arg=Ipns.ResolveCacheSize").named("as before"),
			rpc("config", "arg=Ipns.ResolveCacheSize", "arg=128", "json=true", "encoding=text").named("as text"),
			rpc("config", "arg=Ipns.ResolveCacheSize", "encoding=text").named("read as text"),
			rpc("config", "arg=Swarm.ConnMgr", `arg={"HighWater": 300, "Unknown": {"x": [1]}}`, "json=true").named("section"),
			rpc("config", "arg=Swarm.ConnMgr").named("the section"), rpc("config", "arg=Swarm.ConnMgr.Unknown.x").named("below"),
			rpc("config", "arg=Swarm.ConnMgr.LowWater", "arg=30", "json=true").named("in the section"), rpc("config", "arg=Swarm.ConnMgr").named("both"),
			rpc("config", "arg=Swarm.ConnMgr", "arg={}", "json=true").named("section back"), rpc("config", "arg=Swarm.ConnMgr").named("empty"),
			rpc("config", "arg=Swarm.ConnMgr", "arg=null", "json=true").named("null"), rpc("config", "arg=Swarm.ConnMgr").named("is null"),
			rpc("config", "arg=Swarm.ConnMgr", back, "json=true").named("null back"),
			rpc("config", "arg=Gateway.NoFetch", "arg=true", "bool=true").named("bool"), rpc("config", "arg=Gateway.NoFetch").named("is true"),
			rpc("config", "arg=Gateway.NoFetch", "arg=no", "bool=true").named("other bool"), rpc("config", "arg=Gateway.NoFetch").named("is false"),
			rpc("config", "arg=Ipns.ResolveCacheSize", "arg={", "json=true").named("no JSON"),
			rpc("config", "arg=Ipns.ResolveCacheSize", "arg=1", "json=maybe").named("bad option"),
			rpc("config", "arg=Ipns.ResolveCacheSize", "arg=1", "expand-auto=true").named("expanded value"),
			rpc("config", "arg=No.Such.Key", "arg=1").named("no such key"), rpc("config", "arg=ipns.resolveCacheSize", "arg=1").named("casing"),
			rpc("config", "arg=Pinning", back, "json=true").named("credentials"), rpc("config", "arg=pinning.remoteservices.x.api.key").named("a key"),
			rpc("config", "arg=identity.privkey", "arg=x").named("private key"),
			rpc("config").named("nothing"), rpc("config", "arg=a", "arg=b", "arg=c").named("too much"),
			rpc("config", "arg=Gateway.NoFetch", "arg=true").by("GET").named("GET"),
			rpc("config", "arg=Gateway.NoFetch", "arg=true").header("Origin", "https://evil.example").named("stranger"),
			rpc("config/edit"),
		}},
		{"config profile", []step{
			rpc("config/profile/apply", "arg=unixfs-v1-2025", "dry-run=true").named("dry run"), rpc("config", "arg=Import.CidVersion").named("unchanged"),
			rpc("config/profile/apply", "arg=unixfs-v1-2025"), rpc("config", "arg=Import").named("changed"),
			rpc("add", "only-hash=true").with(content("config profile")),
			rpc("config/profile/apply", "arg=legacy-cid-v0", "encoding=text").named("text").only("Import|UnixFS|CidVersion"),
			rpc("add", "only-hash=true").with(content("config profile")).named("add again"),
			rpc("config/profile/apply").named("none"), rpc("config/profile").named("no command"),
			rpc("config", "arg=Import", back, "json=true").named("back"),
		}},
		{"config replace", []step{
			rpc("config/show").capture("c", `(?s)^(.*)$`).omit("body"),
			rpc("config/replace").with(replacing(`"ResolveCacheSize":128`, `"ResolveCacheSize":64`)),
			rpc("config", "arg=Ipns.ResolveCacheSize").named("replaced"),
			rpc("config/replace").with(replacing(`"PeerID":`, `"PrivKey":"CAESQ","PeerID":`)).named("a private key"),
			rpc("config/replace").with(replacing(`"RemoteServices":{}`, `"RemoteServices":{"x":{}}`)).named("a service"),
			rpc("config/replace").with(content("[]")).named("no object"), rpc("config/replace").named("no file"),
			rpc("config", "arg=Ipns.ResolveCacheSize").named("as before"),
			rpc("config/replace").with(replacing("", "")).named("back"), rpc("config", "arg=Ipns.ResolveCacheSize").named("is back"),
		}},
	}
}

// refusedCases change what each peer has for itself, and what would keep a node from starting, which leaves kubo's own
// configuration unusable.
func refusedCases() []testCase {
	return []testCase{
		{"config refused", []step{
			rpc("config", "arg=Identity.PeerID", "arg="+strangerID).named("identity"),
			rpc("config", "arg=Addresses.Swarm", `arg=["/ip4/127.0.0.1/tcp/9"]`, "json=true").named("addresses"),
			rpc("config", "arg=Datastore.Spec", `arg={}`, "json=true").named("datastore"),
			rpc("config", "arg=Pubsub.Enabled", "arg=false", "bool=true").named("own"),
			rpc("config", "arg=Routing.Type", "arg=auto").named("private"),
			rpc("config", "arg=Pubsub.SeenMessagesStrategy", "arg=never").named("fatal"),
			rpc("config/profile/apply", "arg=server").named("profile"),
		}},
	}
}

// replacing is a file with the configuration that was captured as c, with one thing in place of another.
func replacing(old, text string) body {
	return func(v variables) ([]byte, string) { return content(strings.Replace(v["c"], old, text, 1))(nil) }
}

// listCases change the lists of bootstrap peers and of remote pinning services.
func listCases() []testCase {
	const (
		one   = "arg=/ip4/127.0.0.1/tcp/9/p2p/" + strangerID
		two   = "arg=/ip4/127.0.0.1/tcp/10/p2p/" + strangerID
		three = "arg=/dns4/node.invalid/tcp/9/p2p/QmcZf59bWwK5XFi76CZX8cbJ4BhTzzA3gU1ZjYZcYW3dwt"
	)
	return []testCase{
		{"bootstrap list", []step{
			rpc("bootstrap/add", one, two, three), rpc("bootstrap/list"), rpc("bootstrap/add", one).named("twice"), rpc("bootstrap", "encoding=text").named("text"),
			rpc("bootstrap/rm", two), rpc("bootstrap", "encoding=text").named("two are left"), rpc("bootstrap/rm", "arg=/p2p/"+strangerID).named("a whole peer"), rpc("bootstrap/list", "expand-auto=true").named("one is left"),
			rpc("bootstrap/add").with(content(strings.TrimPrefix(one, "arg=") + "\n" + strings.TrimPrefix(two, "arg=") + "\n")).named("from a body"), rpc("bootstrap", "encoding=text").named("three"),
			rpc("bootstrap/rm").with(content(strings.TrimPrefix(one, "arg=") + "\n")).named("rm from a body"), rpc("bootstrap", "encoding=text").named("two again"),
			rpc("bootstrap/add", "arg=default").named("default"), rpc("bootstrap/add", "arg=/ip4/127.0.0.1/tcp/9").named("nobody"),
			rpc("bootstrap/add", "arg=/p2p/"+strangerID).named("nowhere"), rpc("bootstrap/rm", "arg=foo").named("rm nonsense"), rpc("bootstrap/add").named("nothing"),
			rpc("bootstrap/rm", "all=true", "encoding=text").named("rm all"), rpc("bootstrap").named("empty"),
			rpc("bootstrap/add", one).named("once more"), rpc("bootstrap/rm/all"), rpc("bootstrap").named("empty again"),
		}},
		{"pin remote service", []step{
			rpc("pin/remote/service/add", "arg=a.b/c", "arg=http://127.0.0.1:9//x/../y/", "arg=key"), rpc("pin/remote/service/add", "arg=second", "arg=https://127.0.0.1:9", "arg=other").named("second"),
			rpc("pin/remote/service/ls"), rpc("pin/remote/service/ls", "stat=true", "encoding=text").named("numbers"),
			rpc("pin/remote/service/add", "arg=third", "arg=ftp://127.0.0.1:9", "arg=key").named("scheme"),
			rpc("pin/remote/service/add", "arg=third", "arg=http://127.0.0.1:9/pins", "arg=key").named("pins"),
			rpc("pin/remote/service/add", "arg=third", "arg=http://127.0.0.1:9?x=y", "arg=key").named("query"),
			rpc("pin/remote/service/add", "arg=third", "arg=http://127.0.0.1:9").named("no key"),
			rpc("pin/remote/service/add", "arg=second", "arg=http://127.0.0.1:9", "arg=key").named("twice"),
			rpc("config", "arg=Pinning.RemoteServices.second.Policies.MFS.Enable", "arg=true", "json=true").named("policy"),
			rpc("config/show").capture("c", `(?s)^(.*)$`).omit("body"),
			rpc("config/replace").with(replacing(`"ResolveCacheSize":128`, `"ResolveCacheSize":64`)), rpc("config", "arg=Ipns.ResolveCacheSize").named("replaced"),
			rpc("pin/remote/ls", "service=second").named("asked"),
			rpc("config/replace").with(replacing("127.0.0.1:9", "127.0.0.1:10")).named("endpoint"),
			rpc("config/replace").with(replacing("", "")).named("back"),
			rpc("pin/remote/service/rm", "arg=a.b/c"), rpc("pin/remote/service/ls").named("one is left"), rpc("pin/remote/service/rm", "arg=a.b/c").named("rm twice"),
			rpc("pin/remote/service/rm").named("rm nothing"), rpc("pin/remote/service/rm", "arg=second").named("rm second"), rpc("pin/remote/service/ls").named("empty"),
		}},
	}
}
