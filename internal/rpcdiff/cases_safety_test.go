package rpcdiff

import (
	"net/http"
	"strings"
)

const evil = "https://evil.example"

// safetyCases are the checks that kubo makes before a command runs: who may ask, how, and with what.
func safetyCases() []testCase {
	var all []testCase
	// Those that the cluster serves in its own way, one that streams, one that would change something, one that is refused.
	for _, command := range []string{"id", "add", "pin/add", "pin/ls", "pin/rm", "pin/update", "repo/stat", "repo/gc", "block/put", "dag/import"} {
		var steps []step
		for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodHead, http.MethodDelete, http.MethodPatch, http.MethodOptions} {
			steps = append(steps, rpc(command, "arg="+emptyDirectory).by(method).named(method))
		}
		for _, h := range [][]string{
			{"Origin", evil}, {"Referer", evil + "/page"}, {"User-Agent", "Mozilla/5.0"}, {"Origin", "null"},
		} {
			steps = append(steps, rpc(command, "arg="+emptyDirectory).header(h...).named(strings.Join(h, " ")))
		}
		all = append(all, testCase{"safety " + strings.ReplaceAll(command, "/", " "), steps})
	}
	return all
}

// requestCases are requests of every form.
func requestCases() []testCase {
	return []testCase{
		testCase{"safety CORS", []step{
			rpc("id").header("Origin", "https://app.example").named("allowed origin").mask(maskID...),
			rpc("id").header("Origin", "http://localhost:5001").named("other port of localhost"),
			rpc("version").header("Origin", "https://app.example", "Access-Control-Request-Method", "POST").by(http.MethodOptions).named("preflight"),
			rpc("add").header("Origin", "https://app.example", "Access-Control-Request-Method", "PUT", "Access-Control-Request-Headers", "X-Requested-With").
				by(http.MethodOptions).named("preflight with headers"),
			rpc("repo/gc").header("Origin", "https://app.example", "Access-Control-Request-Method", "POST").by(http.MethodOptions).named("preflight of a collection"),
			rpc("version").header("Origin", evil, "Access-Control-Request-Method", "POST").by(http.MethodOptions).named("preflight of another"),
			rpc("version").header("Origin", "chrome-extension://nibjojkomfdiaoajekhjakgkdhaomnch").named("browser extension"),
			rpc("version").header("User-Agent", "Mozilla/5.0", "Origin", "https://app.example").named("browser"),
			rpc("version").header("Referer", "https://app.example/index.html").named("allowed referer"),
		}},
		testCase{"safety client version", []step{
			rpc("id").header("User-Agent", "kubo/0.1.0/").mask(maskID...).named("no slash before"),
			rpc("id").header("User-Agent", "/kubo/0.1.0/").named("old client"),
			rpc("pin/ls").header("User-Agent", "/go-ipfs/0.4.0/").named("older client"),
			rpc("repo/gc").header("User-Agent", "/go-ipfs/0.4.0/").named("older client collects"),
			rpc("version").header("User-Agent", "/go-ipfs/0.4.0/").named("older client asks"),
		}},
		testCase{"safety unknown", []step{
			rpc("no/such/command"),
			rpc("pin"),
			rpc(""),
			rpc("pin/add/x").named("argument in the path"),
			rpc("PIN/LS"),
			rpc("pin/ls/").named("slash at the end"),
			rpc("../../api/v0/id").named("dots"),
			rpc("/id").named("two slashes"),
			rpc("id", "no-such-option=1").mask(maskID...).named("unknown option"),
			rpc("repo/stat", "no-such-option=1").named("unknown option of repo stat").mask(maskRepoStat...),
			rpc("daemon"),
			rpc("init"),
			rpc("config/edit"),
		}},
		testCase{"safety arguments", []step{
			rpc("pin/add"), rpc("pin/rm"), rpc("pin/update"), rpc("block/get"), rpc("block/rm"), rpc("dag/get"), rpc("dag/export"), rpc("cat"),
			rpc("add"), rpc("block/put"), rpc("dag/put"), rpc("dag/import"),
			rpc("pin/update", "arg="+emptyDirectory).named("one of two"),
			rpc("id", "arg=a", "arg=b").named("too many"),
			rpc("repo/gc", "arg=a").named("too many for a collection"),
			rpc("pin/add", "arg=x", "progress=banana").named("not a bool"),
			rpc("add", "progress=banana").with(content("safety not a bool")).named("add not a bool"),
			rpc("repo/gc", "quiet=banana").named("collection not a bool"),
			rpc("repo/stat", "human=banana").named("stat not a bool"),
			rpc("pin/ls", "encoding=banana").named("unknown encoding"),
			rpc("pin/ls", "timeout=banana").named("not a duration"),
			rpc("cat", "arg=x", "offset=banana").named("not a number"),
			rpc("pin/ls", "arg=x", "recursive=true", "r=true").named("option twice"),
			rpc("add", "cid-version=1", "cid-version=0").with(content("safety twice")).named("add option twice"),
		}},
		testCase{"safety content types", []step{
			rpc("add").with(raw("application/x-www-form-urlencoded", "file=text")).named("a form of fields"),
			rpc("add").with(raw("text/plain", "text")).named("plain text"),
			rpc("add").with(raw("multipart/form-data", "text")).named("no boundary"),
			rpc("add").with(raw("multipart/form-data; boundary=x", "text")).named("no parts"),
			rpc("add").with(raw("multipart/form-data; boundary=x", "--x--\r\n")).named("empty"),
			rpc("add").with(raw("multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\nshort")).named("cut off"),
			rpc("add", "only-hash=true").with(content("short")).capture("c", `"Hash":"(\w+)"`),
			rpc("pin/ls", "arg=$c").named("what was cut off is not pinned"),
			rpc("pin/ls").with(raw("application/json", "{}")).named("a body where none belongs"),
		}},
		testCase{"safety sizes", []step{
			rpc("pin/ls", many("arg=QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3N", 200)...).named("200 arguments"),
			rpc("pin/ls", "arg="+strings.Repeat("a", 300_000)).named("a long argument").mask(`a{1000,}`),
			rpc("version").header("X-Long", strings.Repeat("a", 300_000)).named("a long header"),
			rpc("version", "arg="+strings.Repeat("a", 1<<21)).named("beyond a MiB"),
		}},
	}
}

// many returns n parameters that differ in their last character.
func many(prefix string, n int) []string {
	params := make([]string, n)
	for i := range params {
		params[i] = prefix + string(rune('a'+i%26))
	}
	return params
}
