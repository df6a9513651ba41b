package restdiff

import "strings"

// What awaited answers match: all peers are done, and the one that was asked is.
const (
	pinned     = `(?s)(?:"status":\s*"pinned".*){3}`
	pinnedHere = `"status":"pinned"`
)

// pinCases pin by CID and see what becomes of it.
func pinCases() []testCase {
	return []testCase{
		{"pin", []step{
			pin(inline("pin")),
			pin(inline("pin")).named("again"),
			rest("GET /pins/{hash}").at("/pins/" + inline("pin")).until(pinned).mask(maskAddresses...),
			rest("GET /pins/{hash}", "local=true").at("/pins/" + inline("pin")).named("local").until(pinnedHere).mask(maskAddresses...),
			rest("GET /pins/{hash}", "local=false").at("/pins/" + inline("pin")).named("not local").until(pinned).mask(maskAddresses...),
			rest("DELETE /pins/{hash}").at("/pins/" + inline("pin")),
			rest("GET /allocations/{hash}").at("/allocations/" + inline("pin")).named("gone"),
			rest("GET /pins/{hash}").at("/pins/" + inline("pin")).named("status of what is gone").until("unpinned").mask(maskAddresses...),
			rest("DELETE /pins/{hash}").at("/pins/" + inline("pin")).named("unpin again"),
		}},
		{"pin in version 0", []step{
			rest("POST /add").with(content("pin in version 0")).capture("c", `"cid":"(Qm\w+)"`),
			rest("GET /pins/{hash}").at("/pins/$c").until(pinned).mask(maskAddresses...),
			rest("DELETE /pins/{hash}").at("/pins/$c"),
		}},
	}
}

// optionCases pin with one option after the other. The stock cluster gives them to the pins that follow too: all
// other cases come before.
func optionCases() []testCase {
	one := func(params ...string) testCase {
		c := inline("pin with " + strings.Join(params, " "))
		return testCase{"pin " + strings.Join(params, " "), []step{
			pin(c, params...),
			rest("GET /allocations/{hash}").at("/allocations/" + c),
			rest("DELETE /pins/{hash}").at("/pins/" + c),
		}}
	}
	const far = "expire-at=2099-01-02T03:04:05Z"
	return []testCase{
		one("name=a name & more"), one("mode=direct"), one("mode=recursive"), one("replication=2"), one("replication-min=1", "replication-max=2"),
		one("replication-min=-1", "replication-max=-1"), one("shard-size=1000"), one("user-allocations=$id2"), one("replication=1", "user-allocations=$id3"),
		one(far), one("meta-key=value", "meta-other=a=b"), one("expire-in=1000h"), one("pin-update=" + nowhere("update")),
		one("origins=/ip4/127.0.0.1/tcp/4001/p2p/$id2"), one("nonsense=1"), one("name=" + strings.Repeat("x", 200)),
		{"pin update", []step{
			pin(inline("pin update from"), "name=the name", "meta-a=b"),
			pin(inline("pin update to"), "pin-update="+inline("pin update from")).named("update"),
			rest("GET /allocations/{hash}").at("/allocations/" + inline("pin update to")),
			rest("GET /allocations/{hash}").at("/allocations/" + inline("pin update from")).named("the old one"),
		}},
		{"pin change", []step{
			pin(inline("pin change"), "name=first", "replication=1", "user-allocations=$id1"),
			pin(inline("pin change"), "name=second", "replication=-1").named("another name"),
			rest("GET /allocations/{hash}").at("/allocations/" + inline("pin change")),
			pin(inline("pin change"), "mode=direct").named("recursive to direct"),
		}},
	}
}

// pin is a request that pins a CID.
func pin(cid string, params ...string) step {
	return rest("POST /pins/{hash}", params...).at("/pins/" + cid).mask(`("expire_at":)"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z"`)
}

// refusedPinCases are faults of the client.
func refusedPinCases() []testCase {
	c := inline("refused") // pinned before, because the stock cluster pins it after it has refused to
	refused := []step{pin(c)}
	for _, p := range []string{
		"mode=banana", "replication=banana", "replication-min=x", "replication-max=x", "replication-min=3&replication-max=1", "replication=-2",
		"replication=4", "replication-min=4&replication-max=5", "shard-size=-1", "user-allocations=nonsense", "expire-at=yesterday", "expire-at=1999-01-01T00:00:00Z", "expire-in=soon", "expire-in=-1h",
		"expire-in=1ms", "pin-update=nonsense", "origins=nonsense", "origins=/ip4/127.0.0.1/tcp/4001", "meta-=x",
	} {
		refused = append(refused, pin(c, strings.Split(p, "&")...).named(p))
	}
	refused = append(refused, rest("DELETE /pins/{hash}").at("/pins/"+c))
	return []testCase{
		{"pin refused", refused},
		{"pin of nothing", []step{
			pin("nonsense"),
			rest("DELETE /pins/{hash}").at("/pins/nonsense"),
			rest("GET /pins/{hash}").at("/pins/nonsense"),
			rest("GET /allocations/{hash}").at("/allocations/nonsense"),
			rest("POST /pins/{hash}/recover").at("/pins/nonsense/recover"),
			rest("DELETE /pins/{hash}").at("/pins/" + nowhere("unpin")).named("not pinned"),
			rest("GET /allocations/{hash}").at("/allocations/" + nowhere("unpin")).named("no allocation"),
			rest("GET /pins/{hash}").at("/pins/" + nowhere("unpin")).named("no status").mask(maskAddresses...),
		}},
	}
}

// pathCases pin and unpin what a path leads to.
func pathCases() []testCase {
	return []testCase{{"path", []step{
		rest("POST /add", "wrap-with-directory=true", "no-pin=true").with(form(file("f", "path f"), folder("d"), file("d/g", "path g"))).
			capture("root", `"name":"","cid":"(\w+)"`),
		rest("POST /pins/{keyType:ipfs|ipns|ipld}/{path:.*}", "name=by path").at("/pins/ipfs/$root/d/g").capture("c", `"cid":"(\w+)"`),
		rest("GET /allocations/{hash}").at("/allocations/$c"),
		rest("POST /pins/{keyType:ipfs|ipns|ipld}/{path:.*}", "name=whole").at("/pins/ipfs/$root").named("only a CID"),
		rest("POST /pins/{keyType:ipfs|ipns|ipld}/{path:.*}").at("/pins/ipfs/$root/").named("slash at the end"),
		rest("POST /pins/{keyType:ipfs|ipns|ipld}/{path:.*}").at("/pins/ipfs/$root/none").named("no such link"),
		rest("POST /pins/{keyType:ipfs|ipns|ipld}/{path:.*}").at("/pins/ipfs/nonsense/d").named("nonsense"),
		rest("POST /pins/{keyType:ipfs|ipns|ipld}/{path:.*}").at("/pins/ipld/$root/d/g").named("ipld"),
		rest("POST /pins/{keyType:ipfs|ipns|ipld}/{path:.*}", "replication=x", "name=by path").at("/pins/ipfs/$root/d/g").named("bad option"),
		rest("DELETE /pins/{keyType:ipfs|ipns|ipld}/{path:.*}").at("/pins/ipfs/$root/d/g"),
		rest("DELETE /pins/{keyType:ipfs|ipns|ipld}/{path:.*}").at("/pins/ipfs/$root/d/g").named("unpin again"),
		rest("DELETE /pins/{keyType:ipfs|ipns|ipld}/{path:.*}").at("/pins/ipfs/$root/none").named("unpin no such link"),
		rest("DELETE /pins/{keyType:ipfs|ipns|ipld}/{path:.*}").at("/pins/ipfs/$root").named("unpin the directory"),
	}}}
}

// emptyCases look at a pinset without pins: first.
func emptyCases() []testCase {
	return []testCase{{"empty pinset", []step{
		rest("GET /allocations", "filter=all").named("allocations"),
		rest("GET /allocations").named("allocations without a filter"),
		rest("GET /pins").named("status"),
		rest("GET /pins", "local=true").named("local status"),
		rest("POST /pins/recover"),
		rest("POST /pins/recover", "local=true").named("recover here"),
	}}}
}

// listCases list pins and their status.
func listCases() []testCase {
	a, b, held, absent := inline("list a"), inline("list b"), inline("status"), nowhere("list")
	return []testCase{
		{"allocations", []step{
			pin(a, "name=list a"), pin(b, "name=list b"),
			rest("GET /allocations", "filter=all").only("list ").inAnyOrder(),
			rest("GET /allocations", "filter=pin").named("pins").only("list ").inAnyOrder(),
			rest("GET /allocations", "filter=pin,meta-pin,clusterdag-pin,shard-pin").named("every type").only("list ").inAnyOrder(),
			rest("GET /allocations", "filter=meta-pin").named("meta-pins"),
			rest("GET /allocations", "filter=nonsense").named("unknown filter"),
			rest("GET /allocations", "filter=pin,nonsense").named("a filter partly unknown").only("list ").inAnyOrder(),
			rest("GET /allocations").named("no filter").only("list ").inAnyOrder(),
		}},
		{"status", []step{
			pin(held, "name=status a"), pin(absent, "name=status absent", "replication=1", "user-allocations=$id1"),
			rest("GET /pins", "cids="+held).named("settled").until(pinned).mask(maskAddresses...),
			rest("GET /pins", "cids="+absent).named("begun").until(`"status":"pinning"`).mask(maskAddresses...),
			rest("GET /pins").only(`"name":"status`).inAnyOrder().mask(maskAddresses...),
			rest("GET /pins", "local=true").named("local").only(`"name":"status`).inAnyOrder().mask(maskAddresses...),
			rest("GET /pins", "local=false").named("not local").only(`"name":"status`).inAnyOrder().mask(maskAddresses...),
			rest("GET /pins", "local=banana").named("neither").only(`"name":"status`).inAnyOrder().mask(maskAddresses...),
			rest("GET /pins", "cids="+held+","+absent).named("several").only(`"name":"status`).inAnyOrder().mask(maskAddresses...),
			rest("GET /pins", "cids="+held+","+absent, "local=true").named("several here").only(`"name":"status`).inAnyOrder().mask(maskAddresses...),
			rest("GET /pins", "cids="+nowhere("status")).named("not pinned").mask(maskAddresses...),
			rest("GET /pins", "cids=nonsense").named("no CID"),
			rest("GET /pins", "cids="+held+",").named("an empty CID"),
			rest("POST /pins/{hash}/recover").at("/pins/" + held + "/recover").mask(maskAddresses...),
			rest("POST /pins/{hash}/recover", "local=true").at("/pins/" + held + "/recover").named("recover here").mask(maskAddresses...),
			rest("POST /pins/{hash}/recover").at("/pins/" + nowhere("recover") + "/recover").named("recover what is not pinned").mask(maskAddresses...),
			rest("POST /pins/recover").named("recover all").inAnyOrder().mask(maskAddresses...),
			rest("POST /pins/recover", "local=true").named("recover all here").inAnyOrder().mask(maskAddresses...),
			rest("POST /pins/recover", "local=banana").named("recover neither").only(`"name":"status`).inAnyOrder().mask(maskAddresses...),
			rest("DELETE /pins/{hash}").at("/pins/" + absent),
		}},
		{"status filter", filterSteps()},
	}
}

// filterSteps ask for every status that there is.
func filterSteps() []step {
	const own = "status filter"
	c := inline(own)
	all := []step{pin(c, "name=status filter"), rest("GET /pins/{hash}").at("/pins/" + c).until(pinned).mask(maskAddresses...)}
	for _, filter := range []string{
		"cluster_error", "pin_error", "unpin_error", "error", "pinned", "pinning", "unpinning", "unpinned", "remote", "pin_queued", "unpin_queued", "queued",
		"sharded", "unexpectedly_unpinned", "pinned,remote", "nonsense,pinned", "",
	} {
		all = append(all,
			rest("GET /pins", "filter="+filter).named("filter "+filter).only(own).inAnyOrder().mask(maskAddresses...),
			rest("GET /pins", "filter="+filter, "local=true").named("filter "+filter+" here").only(own).inAnyOrder().mask(maskAddresses...))
	}
	for _, filter := range []string{"undefined", "nonsense"} {
		all = append(all, rest("GET /pins", "filter="+filter).named("filter "+filter), rest("GET /pins", "filter="+filter, "local=true").named("filter "+filter+" here"))
	}
	return all
}
