package gatewayspec

import (
	"strings"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"
)

// nameRules are of the path gateway: content behind names that may lead elsewhere later.
func (f *Fixture) nameRules() []Rule {
	name, site := f.name.String(), f.site.Cid()
	id := f.name.Peer()
	return []Rule{
		{"a file behind a key", get("/ipns/" + name + "/docs/a%20note.txt"), []expect{
			status(200), text(note), header("X-Ipfs-Path", "/ipns/"+name+"/docs/a note.txt"), headerHas("X-Ipfs-Roots", site.String()),
			header("Etag", quoted(f.child(f.docs, "a note.txt").String())), notForEver, headerHas("Cache-Control", "public, max-age="),
		}},
		{"an index page behind a key", get("/ipns/" + name + "/"), []expect{status(200), text(indexPage), notForEver}},
		{"a record without the old signature", get("/ipns/" + f.nameV2.String() + "/index.html"), []expect{status(200), text(indexPage)}},
		{"a record that leads to a path", get("/ipns/" + f.nameSub.String() + "/a%20note.txt"), []expect{status(200), text(note)}},
		{"a listing behind a key", get("/ipns/" + f.nameSub.String() + "/"), []expect{status(200), contains("a note.txt"), notForEver}},
		{"a block behind a key", get("/ipns/" + name + "?format=raw"), []expect{status(200), body(f.site.RawData()), notForEver}},
		{"a key in an old form leads to the new one", get("/ipns/" + id.String() + "/docs"), []expect{status(302), header("Location", "/ipns/"+name+"/docs")}},
		{"a DNSLink", get("/ipns/" + siteName + "/docs/a%20note.txt"), []expect{status(200), text(note), notForEver}},
		{"a DNSLink that leads to a path", get("/ipns/" + subPathName + "/a%20note.txt"), []expect{status(200), text(note)}},
		{"a DNSLink that leads to a key", get("/ipns/" + ipnsName + "/docs/a%20note.txt"), []expect{status(200), text(note)}},
		{"a link that is not there", get("/ipns/" + name + "/nothing"), []expect{status(404)}},
		{"an address of the ipns scheme leads to its path", get("/ipns/?uri=ipns%3A%2F%2F" + siteName), []expect{status(301), header("Location", "/ipns/"+siteName)}},
	}
}

// subdomainRules are of the subdomain gateway: each root is an origin of its own.
func (f *Fixture) subdomainRules() []Rule {
	site, docs, name := f.site.Cid().String(), f.docs.Cid().String(), f.name.String()
	noteCID := f.child(f.docs, "a note.txt")
	own := func(root, namespace string) string { return root + "." + namespace + "." + SubdomainHost }
	inlined := strings.NewReplacer("-", "--", ".", "-").Replace
	to := func(host, path string) expect { return header("Location", "http://"+host+path) }
	old := cid.NewCidV0(f.docs.Cid().Hash())
	ask := func(p string) request { return get(p).on(SubdomainHost) }
	return []Rule{
		{"a path leads to the host of its root", ask("/ipfs/" + site + "/docs/"), []expect{status(301), to(own(site, "ipfs"), "/docs/")}},
		{"the query goes with it", ask("/ipfs/" + site + "/docs/?a=b"), []expect{status(301), to(own(site, "ipfs"), "/docs/?a=b")}},
		{"what is escaped stays so", ask("/ipfs/" + docs + "/" + oddPath), []expect{status(301), to(own(docs, "ipfs"), "/50%2525+%C3%BC=%3F.txt")}},
		{"a CID of version 0 becomes one of version 1", ask("/ipfs/" + old.String()), []expect{status(301), to(own(docs, "ipfs"), "/")}},
		{"the port stays", get("/ipfs/" + site).on(SubdomainHost + ":8080"), []expect{status(301), to(own(site, "ipfs")+":8080", "/")}},
		{"a host in capitals is the same", get("/ipfs/" + site).on(strings.ToUpper(SubdomainHost)), []expect{status(301), to(own(site, "ipfs"), "/")}},
		{"no CID", ask("/ipfs/nothing"), []expect{status(400)}},
		{"an address of the ipfs scheme leads to its path", ask("/ipfs/?uri=ipfs%3A%2F%2F" + site), []expect{status(301), header("Location", "/ipfs/"+site)}},
		{"content", get("/docs/a%20note.txt").on(own(site, "ipfs")), []expect{
			status(200), text(note), header("X-Ipfs-Path", "/ipfs/"+site+"/docs/a note.txt"), header("Etag", quoted(noteCID.String())), forEver,
		}},
		{"content, the host with a port", get("/docs/a%20note.txt").on(own(site, "ipfs") + ":8080"), []expect{status(200), text(note)}},
		{"HEAD of content", head("/docs/a%20note.txt").on(own(site, "ipfs")), []expect{status(200), text(""), header("Etag", quoted(noteCID.String()))}},
		{"an index page", get("/").on(own(site, "ipfs")), []expect{status(200), text(indexPage)}},
		{"a path of the content may look like one of a gateway", get("/ipfs").on(own(site, "ipfs")), []expect{status(200), text("a file that is called ipfs")}},
		{"and leads to nothing else", get("/ipfs/" + docs).on(own(site, "ipfs")), []expect{status(404)}},
		{"a listing links within the host", get("/docs/").on(own(site, "ipfs")), []expect{status(200), contains(`href="/docs/a%20note.txt"`), lacks(`href="/ipfs/` + site)}},
		{"a directory has a slash at its end", get("/docs").on(own(site, "ipfs")), []expect{status(301), header("Location", "/docs/")}},
		{"other forms", get("/docs?format=raw").on(own(site, "ipfs")), []expect{status(200), body(f.docs.RawData())}},
		{"ranges", get("/large.bin").on(own(site, "ipfs")).with("Range: bytes=1-3"), []expect{status(206), body(f.largeBytes[1:4])}},
		{"a key leads to the host of its name", ask("/ipns/" + name + "/docs/"), []expect{status(301), to(own(name, "ipns"), "/docs/")}},
		{"a key in an old form, too", ask("/ipns/" + f.name.Peer().String()), []expect{status(301), to(own(name, "ipns"), "/")}},
		{"content behind a key", get("/docs/a%20note.txt").on(own(name, "ipns")), []expect{status(200), text(note), notForEver}},
		{"a key with another codec leads to the right one", get("/").on(own(f.nameWithOtherCodec(), "ipns")), []expect{status(301), to(own(name, "ipns"), "/")}},
		{"a DNSLink leads to one label", ask("/ipns/" + subPathName + "/a%20note.txt"), []expect{status(301), to(own(inlined(subPathName), "ipns"), "/a%20note.txt")}},
		{"content behind a DNSLink in one label", get("/a%20note.txt").on(own(inlined(subPathName), "ipns")), []expect{status(200), text(note)}},
		{"content behind a DNSLink in several", get("/a%20note.txt").on(own(subPathName, "ipns")), []expect{status(200), text(note)}},
		{"other hosts are no subdomains of this one", get("/").on(site + ".ipfs.elsewhere.example"), []expect{lacks("front page")}},
	}
}

// dnslinkRules are of the DNSLink gateway: websites under their own names.
func (f *Fixture) dnslinkRules() []Rule {
	return []Rule{
		{"a website's page", get("/").on(siteName), []expect{status(200), text(indexPage), header("X-Ipfs-Path", "/ipns/"+siteName+"/"), notForEver}},
		{"with a port", get("/").on(siteName + ":8080"), []expect{status(200), text(indexPage)}},
		{"in capitals, with a dot at the end", get("/").on(strings.ToUpper(siteName) + "."), []expect{status(200), text(indexPage)}},
		{"a file of it", get("/docs/a%20note.txt").on(siteName), []expect{status(200), text(note)}},
		{"its path may look like one of a gateway", get("/ipfs").on(siteName), []expect{status(200), text("a file that is called ipfs")}},
		{"a directory has a slash at its end", get("/docs").on(siteName), []expect{status(301), header("Location", "/docs/")}},
		{"a listing links within the website", get("/docs/").on(siteName), []expect{status(200), contains(`href="/docs/a%20note.txt"`), contains(">..<")}},
		{"its root leads to nothing above", get("/").on(subPathName), []expect{status(200), contains("a note.txt"), lacks(">..<")}},
		{"one that leads to a key", get("/docs/a%20note.txt").on(ipnsName), []expect{status(200), text(note)}},
		{"what is not there", get("/nothing").on(siteName), []expect{status(404)}},
		{"is known already", get("/").on(siteName), []expect{notModifiedAgain}},
		{"a range", get("/large.bin").on(siteName).with("Range: bytes=1-3"), []expect{status(206), body(f.largeBytes[1:4])}},
	}
}

// redirectRules are of the web redirects file, which counts where a website has an origin of its own.
func (f *Fixture) redirectRules() []Rule {
	var rules []Rule
	for what, host := range map[string]string{"": f.redirects.Cid().String() + ".ipfs." + SubdomainHost, ", by DNSLink": redirectName} {
		at := func(p string) request { return get(p).on(host) }
		rules = append(rules,
			Rule{"301 is the default" + what, at("/old"), []expect{status(301), header("Location", "/new.html")}},
			Rule{"another status" + what, at("/found"), []expect{status(302), header("Location", "/new.html")}},
			Rule{"placeholders" + what, at("/posts/2026/title"), []expect{status(301), header("Location", "/articles/2026-title.html")}},
			Rule{"the rest of a path" + what, at("/splat/a/b.html"), []expect{status(302), header("Location", "/to/a/b.html")}},
			Rule{"another website" + what, at("/away"), []expect{status(302), header("Location", "https://other.example/x")}},
			Rule{"a page in place of another" + what, at("/page"), []expect{status(200), text("new")}},
			Rule{"an own 404" + what, at("/missing/x"), []expect{status(404), text("own 404"), header("Etag", quoted(f.child(f.redirects, "404.html").String()))}},
			Rule{"an own 410" + what, at("/gone/x"), []expect{status(410), text("own 410"), header("Etag", quoted(f.child(f.redirects, "410.html").String()))}},
			Rule{"an own 451" + what, at("/refused/x"), []expect{status(451), text("own 451"), header("Etag", quoted(f.child(f.redirects, "451.html").String()))}},
			Rule{"what is there goes before" + what, at("/new.html"), []expect{status(200), text("new")}},
			Rule{"what no rule names" + what, at("/other"), []expect{status(404)}},
			Rule{"HEAD" + what, head("/old").on(host), []expect{status(301), header("Location", "/new.html")}},
		)
	}
	for _, missing := range []string{"/missing/x", "/gone/x", "/refused/x"} {
		rules = append(rules,
			Rule{missing + " of an immutable website will never be there", get(missing).on(f.redirects.Cid().String() + ".ipfs." + SubdomainHost), []expect{forEver}},
			Rule{missing + " of a website with a name may come", get(missing).on(redirectName), []expect{notForEver}},
		)
	}
	spa := f.spa.Cid().String() + ".ipfs." + SubdomainHost
	broken := f.broken.Cid().String() + ".ipfs." + SubdomainHost
	return append(rules,
		Rule{"one page for all paths", get("/any/path").on(spa), []expect{status(200), text(indexPage), header("Content-Type", "text/html")}},
		Rule{"one page for all paths is known already", get("/any/path").on(spa), []expect{notModifiedAgain}},
		Rule{"but for what is there", get("/app.js").on(spa), []expect{status(200), text("app")}},
		Rule{"a file with a mistake says so", get("/nothing").on(broken), []expect{status(500), contains("_redirects")}},
		Rule{"and harms nothing else", get("/file.txt").on(broken), []expect{status(200), text("text")}},
		Rule{"under a path it does not count", get(ipfs(f.redirects.Cid(), "old")), []expect{status(404)}},
	)
}

// nameWithOtherCodec is the key as a CID whose codec says that it is a directory.
func (f *Fixture) nameWithOtherCodec() string {
	other := cid.NewCidV1(cid.DagProtobuf, peer.ToCid(f.name.Peer()).Hash())
	return other.String()
}
