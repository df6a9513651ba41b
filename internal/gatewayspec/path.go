package gatewayspec

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
)

// ipfs is the path of a CID and what is below it.
func ipfs(c fmt.Stringer, below ...string) string {
	return "/ipfs/" + c.String() + strings.Join(append([]string{""}, below...), "/")
}

func quoted(text string) string { return `"` + text + `"` }

// pathRules are of the path gateway: what a file, a directory and a mistake are answered with.
func (f *Fixture) pathRules() []Rule {
	site, docs := f.site.Cid(), f.docs.Cid()
	noteCID := f.child(f.docs, "a note.txt")
	return []Rule{
		{"a file is sent with its type", get(ipfs(docs, "a%20note.txt")), []expect{
			status(200), text(note), headerHas("Content-Type", "text/plain"), header("Content-Length", fmt.Sprint(len(note))),
		}},
		{"a file without an extension is sniffed", get(ipfs(docs, "page")), []expect{status(200), header("Content-Type", "text/html")}},
		{"HEAD has the same header", head(ipfs(docs, "a%20note.txt")), []expect{
			status(200), text(""), headerHas("Content-Type", "text/plain"), header("Content-Length", fmt.Sprint(len(note))),
			header("Etag", quoted(noteCID.String())), forEver,
		}},
		{"the Etag is the CID", get(ipfs(docs, "a%20note.txt")), []expect{header("Etag", quoted(noteCID.String()))}},
		{"what has a CID never changes", get(ipfs(docs, "a%20note.txt")), []expect{forEver, header("Last-Modified", "")}},
		{"X-Ipfs-Path is the path", get(ipfs(site, "docs/a%20note.txt")), []expect{header("X-Ipfs-Path", ipfs(site, "docs/a note.txt"))}},
		{"X-Ipfs-Roots are the CIDs along the path", get(ipfs(site, "docs/a%20note.txt")), []expect{
			header("X-Ipfs-Roots", strings.Join([]string{site.String(), docs.String(), noteCID.String()}, ",")),
		}},
		{"a file of several blocks is one body", get(ipfs(site, "large.bin")), []expect{status(200), body(f.largeBytes)}},
		{"a name may have any character", get(ipfs(docs, oddPath)), []expect{status(200), text("odd")}},
		{"a symbolic link is sent as it is", get(ipfs(docs, "link")), []expect{status(200), text("a note.txt"), header("Content-Type", "inode/symlink")}},
		{"a file in a sharded directory is found", get(ipfs(site, "sharded/042.txt")), []expect{status(200), text("file 42")}},
		{"filename names the download", get(ipfs(noteCID) + "?filename=t%C3%A9st.txt"), []expect{
			status(200), header("Content-Disposition", `inline; filename="t_st.txt"; filename*=UTF-8''t%C3%A9st.txt`),
		}},
		{"download makes it one", get(ipfs(noteCID) + "?filename=x.txt&download=true"), []expect{headerHas("Content-Disposition", "attachment; ")}},
		{"a link that is not there", get(ipfs(site, "nothing")), []expect{status(404), notForEver}},
		{"a link below a file", get(ipfs(noteCID, "nothing")), []expect{status(404), notForEver}},
		{"no CID", get("/ipfs/nothing"), []expect{status(400), notForEver}},
		{"an empty path", get("/ipfs/"), []expect{status(400)}},
		{"a namespace too many leads to the right path", get("/ipfs" + ipfs(docs)), []expect{status(301), header("Location", ipfs(docs))}},
		{"an address of the ipfs scheme leads to its path", get("/ipfs/?uri=ipfs%3A%2F%2F" + site.String() + "%2Fdocs"), []expect{
			status(301), header("Location", ipfs(site, "docs")),
		}},
		{"only reading", request{method: http.MethodPost, host: PathHost, path: ipfs(site)}, []expect{status(405), header("Allow", "GET, HEAD, OPTIONS")}},
		{"pages of other origins may read", get(ipfs(noteCID)).with("Origin: https://other.example"), []expect{
			header("Access-Control-Allow-Origin", "*"), headerHas("Access-Control-Expose-Headers", "X-Ipfs-Path"),
			headerHas("Access-Control-Expose-Headers", "X-Ipfs-Roots"), headerHas("Access-Control-Expose-Headers", "Content-Range"),
		}},
		{"pages of other origins may ask", request{method: http.MethodOptions, host: PathHost, path: ipfs(noteCID)}, []expect{
			status(200), header("Access-Control-Allow-Origin", "*"), headerHas("Access-Control-Allow-Methods", "GET"), headerHas("Access-Control-Allow-Headers", "Range"),
		}},
		{"only if cached, and it is", get(ipfs(noteCID)).with("Cache-Control: only-if-cached"), []expect{status(200), text(note)}},
		{"only if cached, and it is not", get(ipfs(f.missing)).with("Cache-Control: only-if-cached"), []expect{status(412)}},
		{"only if cached asks of HEAD, too", head(ipfs(f.missing)).with("Cache-Control: only-if-cached"), []expect{status(412)}},
	}
}

// conditionRules are of HTTP and of the path gateway: what is known already is not sent again.
func (f *Fixture) conditionRules() []Rule {
	site, docs := f.site.Cid(), f.docs.Cid()
	noteCID := f.child(f.docs, "a note.txt")
	etag := quoted(noteCID.String())
	path := ipfs(docs, "a%20note.txt")
	return []Rule{
		{"a file", get(path), []expect{notModifiedAgain}},
		{"the same to HEAD", head(path), []expect{notModifiedAgain}},
		{"a directory with an index page", get(ipfs(site) + "/"), []expect{status(200), notModifiedAgain}},
		{"a listing", get(ipfs(docs) + "/"), []expect{status(200), notModifiedAgain}},
		{"a block", get(path + "?format=raw"), []expect{status(200), notModifiedAgain}},
		{"a CAR", get(path + "?format=car"), []expect{status(200), notModifiedAgain}},
		{"a TAR", get(path + "?format=tar"), []expect{status(200), notModifiedAgain}},
		{"DAG-CBOR", get(ipfs(f.cbor)), []expect{status(200), notModifiedAgain}},
		{"a file behind a name", get("/ipns/" + f.name.String() + "/index.html"), []expect{status(200), notModifiedAgain}},
		{"304 repeats the Etag", get(path).with("If-None-Match: " + etag), []expect{status(304), header("Etag", etag)}},
		{"the Etag of another form is none of this", get(path).with(`If-None-Match: "` + noteCID.String() + `.raw"`), []expect{status(200)}},
		{"If-Match that holds", get(path).with("If-Match: " + etag), []expect{status(200)}},
		{"If-Match that does not", get(path).with(`If-Match: "other"`), []expect{status(412)}},
	}
}

// child is the CID of a link of a directory.
func (f *Fixture) child(dir ipld.Node, name string) cid.Cid {
	for _, l := range dir.Links() {
		if l.Name == name {
			return l.Cid
		}
	}
	panic("gatewayspec: no link " + name) // a mistake in a rule
}
