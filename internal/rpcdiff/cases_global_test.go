package rpcdiff

// globalCases are the options that every command takes.
func globalCases() []testCase {
	return []testCase{
		{"global encoding", []step{
			rpc("add", "pin=true", "progress=false").with(content("global encoding")).capture("c", `"Hash":"(\w+)"`),
			rpc("pin/ls", "arg=$c", "encoding=json"),
			rpc("pin/ls", "arg=$c", "encoding=text"),
			rpc("pin/ls", "arg=$c", "encoding=xml"),
			rpc("pin/ls", "arg=$c", "encoding=protobuf"),
			rpc("pin/ls", "arg=$c", "enc=text").named("alias"),
			rpc("pin/add", "arg=$c", "encoding=text"),
			rpc("pin/rm", "arg=$c", "encoding=text"),
			rpc("pin/rm", "arg=$c", "encoding=text").named("error as text"),
			rpc("pin/rm", "arg=$c", "encoding=xml").named("error as XML"),
			rpc("add", "encoding=text").with(content("global encoding text")),
			rpc("add", "encoding=xml").with(content("global encoding xml")),
			rpc("block/stat", "arg=$c", "encoding=text"),
			rpc("dag/stat", "arg=$c", "encoding=text", "progress=false"),
			rpc("id", "encoding=xml").mask(maskID...),
		}},
		{"global cid-base", []step{
			rpc("add", "cid-base=base36", "cid-version=1").with(content("global cid-base")).capture("c", `"Hash":"(\w+)"`),
			rpc("add", "cid-base=base58btc", "cid-version=0", "pin=false").with(content("global cid-base v0")).capture("v0", `"Hash":"(\w+)"`),
			rpc("add", "cid-base=base32", "upgrade-cidv0-in-output=true").with(content("global cid-base v0")),
			rpc("pin/add", "arg=$v0", "cid-base=base32", "upgrade-cidv0-in-output=true"),
			rpc("pin/ls", "arg=$c", "cid-base=base16"),
			rpc("pin/ls", "arg=$v0", "cid-base=base32", "upgrade-cidv0-in-output=true").named("pin/ls upgraded"),
			rpc("pin/ls", "arg=$v0", "cid-base=base32").named("pin/ls not upgraded"),
			rpc("block/stat", "arg=$c", "cid-base=base16"),
			rpc("block/put", "cid-base=base36", "cid-codec=raw", "pin=true").with(content("global cid-base block")),
			rpc("dag/put", "cid-base=base36", "pin=true").with(content(`{"global":"cid-base"}`)),
			rpc("pin/rm", "arg=$c", "cid-base=base64url"),
			rpc("pin/ls", "cid-base=nonsense").named("unknown base"),
			rpc("pin/add", "arg=$c", "cid-base=nonsense").named("unknown base adds"),
		}},
	}
}

// globalLimitCases are those that limit what a command does or how it answers.
func globalLimitCases() []testCase {
	return []testCase{
		{"global timeout", []step{
			rpc("add").with(content("global timeout")).capture("c", `"Hash":"(\w+)"`),
			rpc("pin/ls", "arg=$c", "timeout=1m"),
			rpc("pin/add", "arg="+absentCID, "timeout=300ms").named("pin of what nobody has"),
			rpc("cat", "arg="+absentCID, "timeout=300ms").named("cat of what nobody has"),
			rpc("block/get", "arg="+absentCID, "timeout=300ms").named("block of what nobody has"),
			rpc("dag/get", "arg="+absentCID, "timeout=300ms").named("dag of what nobody has"),
			rpc("pin/ls", "arg="+absentCID, "type=recursive").named("nothing is left"),
			rpc("id", "timeout=1ns").named("no time at all").mask(maskID...),
		}},
		{"global offline", []step{
			rpc("add", "offline=true").with(content("global offline")).capture("c", `"Hash":"(\w+)"`),
			rpc("pin/ls", "arg=$c", "offline=true"),
			rpc("add", "offline=true", "pin=false").with(content("global offline unpinned")).capture("u", `"Hash":"(\w+)"`).named("unpinned"),
			rpc("cat", "arg=$u", "offline=true").named("cat of unpinned"),
			rpc("pin/add", "arg="+absentCID, "offline=true").named("pin of what nobody has"),
			rpc("cat", "arg="+absentCID, "offline=true").named("cat of what nobody has"),
			rpc("block/stat", "arg="+absentCID, "offline=true").named("block of what nobody has"),
			rpc("dag/stat", "arg="+absentCID, "offline=true", "progress=false").named("dag of what nobody has"),
			rpc("pin/rm", "arg=$c", "offline=true"),
			rpc("pin/ls", "arg=$c").named("is it gone"),
			rpc("block/stat", "arg=$c", "local=true").named("alias"),
		}},
		{"global stream-channels", []step{
			rpc("add", "stream-channels=false").with(form(file("a", "global streams a"), file("b", "global streams b"))).capture("c", `"Hash":"(\w+)"`),
			rpc("refs", "arg=$c", "stream-channels=false"),
			rpc("pin/ls", "arg=$c", "stream=true", "stream-channels=false"),
			rpc("pin/ls", "arg=$c", "stream=true", "stream-channels=true"),
		}},
		{"global booleans", []step{
			rpc("add", "n=1").with(content("global booleans hashed only")).capture("c", `"Hash":"(\w+)"`),
			rpc("block/stat", "arg=$c", "offline=true").named("is not stored"),
			rpc("add", "pin=0", "w=T").with(file1("f", "global booleans wrapped")),
			rpc("add", "pin=t", "t=1").with(content("global booleans trickle")).capture("p", `"Hash":"(\w+)"`),
			rpc("pin/ls", "arg=$p", "s=1", "q=t"),
			rpc("pin/rm", "arg=$p", "r=F").named("r=F"),
			rpc("pin/rm", "arg=$p", "r=T").named("r=T"),
			rpc("pin/add", "arg=$p", "r=").named("empty value"),
		}},
	}
}

// absentCID is of a block that no node has.
const absentCID = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"

// file1 is a body of one file with a name.
func file1(name, text string) body { return form(file(name, text)) }
