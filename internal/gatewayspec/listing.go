package gatewayspec

import "strings"

// listingRules are of the path gateway: what a directory shows.
func (f *Fixture) listingRules() []Rule {
	site, docs := f.site.Cid(), f.docs.Cid()
	return []Rule{
		{"a directory is shown under a path with a slash at its end", get(ipfs(site, "docs")), []expect{status(301), header("Location", ipfs(site, "docs")+"/")}},
		{"the query goes with it", get(ipfs(site, "docs") + "?a=b"), []expect{status(301), header("Location", ipfs(site, "docs")+"/?a=b")}},
		{"its index page stands for it", get(ipfs(site) + "/"), []expect{
			status(200), text(indexPage), header("Content-Type", "text/html"), header("Etag", quoted(site.String())), forEver,
		}},
		{"HEAD of it", head(ipfs(site) + "/"), []expect{status(200), text(""), header("Content-Type", "text/html")}},
		{"without one its entries are listed", get(ipfs(docs) + "/"), []expect{
			status(200), headerHas("Content-Type", "text/html"), contains("a note.txt"), contains("pixel.png"), contains(f.child(f.docs, "pixel.png").String()),
			contains("50%2525"), notForEver, headerHas("Etag", docs.String()), header("X-Ipfs-Roots", docs.String()),
		}},
		{"HEAD of a listing", head(ipfs(docs) + "/"), []expect{status(200), text(""), headerHas("Content-Type", "text/html")}},
		{"a sharded directory is listed as others", get(ipfs(site, "sharded") + "/"), []expect{status(200), contains("000.txt"), contains("099.txt")}},
		{"a directory within one leads back", get(ipfs(site, "docs") + "/"), []expect{status(200), contains(">..<")}},
		{"a root leads to nothing above", get(ipfs(docs) + "/"), []expect{status(200), lacks(">..<")}},
		{"?go-get serves no package", get(ipfs(docs) + "/?go-get=1"), []expect{status(200)}},
	}
}

// tarRules are of the path gateway: everything below a path in one archive.
func (f *Fixture) tarRules() []Rule {
	docs := f.docs.Cid().String()
	expected := map[string]string{docs + "/a note.txt": note, docs + "/twin.txt": note, docs + "/" + oddName: "odd", docs + "/link": "-> a note.txt"}
	return []Rule{
		{"a directory", get("/ipfs/" + docs + "?format=tar"), []expect{
			status(200), header("Content-Type", "application/x-tar"), header("Content-Disposition", `attachment; filename="`+docs+`.tar"; filename*=UTF-8''`+docs+".tar"),
			header("Etag", `W/"`+docs+`.x-tar"`), header("X-Content-Type-Options", "nosniff"), forEver, archive(expected),
		}},
		{"asked for by Accept", get("/ipfs/" + docs).with("Accept: application/x-tar"), []expect{
			status(200), header("Content-Type", "application/x-tar"), headerHas("Content-Location", "format=tar"), archive(expected),
		}},
		{"a file", get(ipfs(f.site.Cid(), "large.bin") + "?format=tar"), []expect{status(200), archive(map[string]string{f.large.Cid().String(): string(f.largeBytes)})}},
		{"filename names it", get("/ipfs/" + docs + "?format=tar&filename=x.tar"), []expect{headerHas("Content-Disposition", `filename="x.tar"`)}},
		{"behind a name", get("/ipns/" + f.nameSub.String() + "?format=tar"), []expect{status(200), archive(expected), notForEver}},
	}
}

// codecRules are of the path gateway: data that is no UnixFS.
func (f *Fixture) codecRules() []Rule {
	var rules []Rule
	for _, c := range []struct {
		name, plain, path, accept string
		raw                       []byte
	}{
		{"DAG-CBOR", "cbor", ipfs(f.cbor), "application/vnd.ipld.dag-cbor", f.cborBytes},
		{"DAG-JSON", "json", ipfs(f.json), "application/vnd.ipld.dag-json", f.jsonBytes},
	} {
		id := strings.TrimPrefix(c.path, "/ipfs/")
		rules = append(rules,
			Rule{c.name + " is sent as it is", get(c.path), []expect{
				status(200), body(c.raw), header("Content-Type", c.accept), header("Etag", quoted(id+".dag-"+c.plain)), header("X-Content-Type-Options", "nosniff"), forEver,
			}},
			Rule{c.name + " by format", get(c.path + "?format=dag-" + c.plain), []expect{status(200), body(c.raw), header("Content-Type", c.accept)}},
			Rule{c.name + " by Accept", get(c.path).with("Accept: " + c.accept), []expect{status(200), body(c.raw), headerHas("Content-Location", "format=dag-"+c.plain)}},
			Rule{c.name + " under its plain type", get(c.path + "?format=" + c.plain), []expect{status(200), body(c.raw), header("Content-Type", "application/"+c.plain)}},
			Rule{c.name + " to HEAD", head(c.path), []expect{status(200), text(""), header("Content-Type", c.accept)}},
			Rule{c.name + " as a block", get(c.path + "?format=raw"), []expect{status(200), body(c.raw), header("Content-Type", "application/vnd.ipld.raw")}},
			Rule{c.name + " in part", get(c.path).with("Range: bytes=1-4"), []expect{status(206), body(c.raw[1:5])}},
			Rule{c.name + " for a browser", get(c.path + "/").with("Accept: text/html"), []expect{status(200), headerHas("Content-Type", "text/html"), contains(id), notForEver}},
			Rule{c.name + " for a browser has a slash at its end", get(c.path).with("Accept: text/html"), []expect{status(301), header("Location", c.path+"/")}},
			Rule{c.name + " to be kept", get(c.path + "?download=true").with("Accept: text/html"), []expect{status(200), body(c.raw), headerHas("Content-Disposition", "attachment")}},
			Rule{c.name + " leads on", get(c.path + "/doc/docs/a%20note.txt"), []expect{status(200), text(note)}},
			Rule{c.name + " has no file in a value", get(c.path + "/text"), []expect{status(501)}},
			Rule{c.name + " without that link", get(c.path + "/nothing"), []expect{status(404)}},
		)
	}
	return append(rules,
		Rule{"plain JSON", get(ipfs(f.plainJSON)), []expect{status(200), text(plainJSON), header("Content-Type", "application/json")}},
		Rule{"plain CBOR", get(ipfs(f.plainCBOR)), []expect{status(200), text("\xa1\x65plain\x64cbor"), header("Content-Type", "application/cbor")}},
		Rule{"DAG-CBOR is not turned into DAG-JSON", get(ipfs(f.cbor) + "?format=dag-json"), []expect{status(406)}},
		Rule{"DAG-JSON is not turned into DAG-CBOR", get(ipfs(f.json)).with("Accept: application/vnd.ipld.dag-cbor"), []expect{status(406)}},
		Rule{"UnixFS is not turned into DAG-JSON", get(ipfs(f.site.Cid()) + "?format=dag-json"), []expect{status(406)}},
		Rule{"format goes before Accept", get(ipfs(f.cbor) + "?format=raw").with("Accept: application/vnd.ipld.dag-cbor"), []expect{status(200), header("Content-Type", "application/vnd.ipld.raw")}},
	)
}
