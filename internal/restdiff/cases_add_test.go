package restdiff

import "strings"

// addCases add, one option after the other.
func addCases() []testCase {
	big := strings.Repeat("more than one chunk of what is added. ", 10_000)
	tree := form(folder("tree"), file("tree/a", "in a tree"), folder("tree/below"), file("tree/below/b", "deeper in a tree"))
	one := func(params ...string) step {
		return rest("POST /add", params...).with(form(file("big", big))).named(strings.Join(params, " "))
	}
	return []testCase{
		{"add", []step{
			rest("POST /add").with(content("add")).capture("c", `"cid":"(\w+)"`),
			rest("GET /allocations/{hash}").at("/allocations/$c"),
			rest("GET /pins/{hash}").at("/pins/$c").until(pinned).mask(maskAddresses...),
			rest("POST /add").with(tree).named("a tree"),
			rest("POST /add", "recursive=true").with(tree).named("a tree, recursive"),
			rest("POST /add", "hidden=true").with(form(folder("t"), file("t/.hidden", "hidden"))).named("hidden"),
			rest("POST /add").with(form(folder("t"), file("t/.hidden", "hidden"))).named("not hidden"),
			rest("POST /add", "wrap-with-directory=true").with(form(file("a", "wrapped a"), file("b", "wrapped b"))).named("wrapped"),
			rest("POST /add").with(form(file("", "no name"))).named("no name"),
			rest("POST /add").with(content("")).named("nothing in it"),
			rest("POST /add").with(content("expected")).header("Expect", "100-continue").named("as curl sends it"),
		}},
		{"add formats", []step{
			one("layout=trickle"), one("layout=balanced"), one("chunker=size-1000"), one("chunker=rabin-512-1024-2048"), one("chunker=buzhash"),
			one("raw-leaves=true"), one("raw-leaves=false", "cid-version=1"), one("cid-version=1"), one("hash=sha2-512", "cid-version=1"),
			one("hash=blake3", "cid-version=1"), one("format=unixfs"), one("progress=true"), one("stream-channels=false"), one("stream-channels=true"),
			rest("POST /add", "stream-channels=false").with(tree).named("a tree in a list"),
		}},
		{"add several roots", []step{
			rest("POST /add").with(form(file("a", "several a"), file("b", "several b"))).capture("a", `"name":"a","cid":"(\w+)"`).capture("b", `"name":"b","cid":"(\w+)"`),
			rest("GET /allocations/{hash}").at("/allocations/$a").named("the first"),
			rest("GET /allocations/{hash}").at("/allocations/$b").named("the last"),
		}},
		{"add CAR", []step{
			rest("POST /add", "format=car").with(car("car one")),
			rest("GET /allocations/{hash}").at("/allocations/" + blockCID("car one")),
			rest("POST /add", "format=car").with(car("car several a", "car several b")).named("two roots"),
			rest("GET /allocations/{hash}").at("/allocations/" + blockCID("car several b")).named("the second root"),
			rest("POST /add", "format=car", "stream-channels=false").with(car("car several c", "car several d")).named("two roots in a list"),
			rest("POST /add", "format=car", "no-pin=true").with(car("car no-pin")).named("no pin"),
			rest("POST /add", "format=car", "wrap-with-directory=true").with(car("car wrapped")).named("wrapped"),
			rest("POST /add", "format=car").with(content("nonsense")).named("not a CAR"),
			rest("POST /add", "format=car").with(form()).named("no CAR"),
		}},
	}
}

// addOptionCases add with the options of a pin; see optionCases.
func addOptionCases() []testCase {
	return []testCase{
		{"add with options", []step{
			rest("POST /add", "name=named", "meta-k=v", "replication=2", "expire-at=2099-01-02T03:04:05Z", "user-allocations=$id2", "mode=recursive", "shard-size=1000",
				"origins=/ip4/127.0.0.1/tcp/4001/p2p/$id2").with(content("add with options")).capture("c", `"cid":"(\w+)"`),
			rest("GET /allocations/{hash}").at("/allocations/$c"),
		}},
		{"add local", []step{
			rest("POST /add", "local=true", "name=local").with(content("add local")).capture("c", `"cid":"(\w+)"`),
			rest("GET /allocations/{hash}").at("/allocations/$c"),
		}},
		{"add no pin", []step{
			rest("POST /add", "no-pin=true").with(content("add no-pin")).capture("c", `"cid":"(\w+)"`),
			rest("GET /allocations/{hash}").at("/allocations/$c"),
		}},
		{"add direct", []step{
			rest("POST /add", "mode=direct").with(content("add direct")).capture("c", `"cid":"(\w+)"`),
			rest("GET /allocations/{hash}").at("/allocations/$c"),
		}},
		{"add more options", []step{
			rest("POST /add", "replication-min=1", "replication-max=2").with(content("add factors")).named("factors"),
			rest("POST /add", "expire-in=1000h").with(content("add expire-in")).named("expire-in"),
			rest("POST /add", "pin-update="+nowhere("add")).with(content("add update")).named("update"),
		}},
		{"add shards", []step{
			rest("POST /add", "shard=true", "shard-size=1000000", "name=sharded").with(form(file("big", strings.Repeat("sharded. ", 200_000)))),
			rest("GET /allocations", "filter=meta-pin").named("meta-pins").inAnyOrder(),
			rest("GET /allocations", "filter=clusterdag-pin").named("DAG pins").inAnyOrder(),
			rest("GET /allocations", "filter=shard-pin").named("shards").inAnyOrder(),
			rest("GET /pins", "filter=sharded").named("status").inAnyOrder().mask(maskAddresses...),
			rest("GET /allocations", "filter=meta-pin").named("the meta-pin").capture("c", `"cid":"(\w+)"`),
			rest("DELETE /pins/{hash}").at("/pins/$c"),
			rest("GET /allocations", "filter=meta-pin,clusterdag-pin,shard-pin").named("nothing is left"),
			rest("POST /add", "shard=true", "name=default").with(content("shard of the default size")).named("default size"),
		}},
	}
}

// refusedAddCases are faults of the client.
func refusedAddCases() []testCase {
	var refused []step
	for _, p := range []string{
		"layout=nonsense", "chunker=nonsense", "chunker=size-0", "chunker=size-99999999", "hash=nonsense", "hash=sha2-512", "format=zip", "cid-version=7", "cid-version=x",
		"raw-leaves=x", "hidden=x", "local=x", "recursive=x", "wrap-with-directory=x", "progress=x", "stream-channels=x", "nocopy=x", "no-pin=x", "shard=x",
		"nocopy=true", "replication=9", "replication=x", "expire-in=soon", "user-allocations=nonsense", "mode=banana", "shard-size=x",
	} {
		refused = append(refused, rest("POST /add", p).with(content("refused")).named(p),
			rest("POST /add", p, "stream-channels=false").with(content("refused")).named(p+" in a list"))
	}
	return []testCase{
		{"add refused", refused},
		{"add without content", []step{
			rest("POST /add").named("no body"),
			rest("POST /add").with(raw("application/json", `{}`)).named("not multipart"),
			rest("POST /add").with(form()).named("no part"),
			rest("POST /add").with(raw("multipart/form-data; boundary=x", "--x\r\nContent-Dis")).named("broken off"),
			rest("POST /add", "stream-channels=false").with(raw("multipart/form-data; boundary=x", "--x\r\nContent-Dis")).named("broken off, in a list"),
			rest("POST /add").with(raw("multipart/form-data", "x")).named("no boundary"),
		}},
	}
}
