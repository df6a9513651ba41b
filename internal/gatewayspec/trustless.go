package gatewayspec

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
)

const (
	rawType    = "application/vnd.ipld.raw"
	carType    = "application/vnd.ipld.car"
	recordType = "application/vnd.ipfs.ipns-record"
)

// blockRules are of the trustless gateway: one block as it is.
func (f *Fixture) blockRules() []Rule {
	path, raw, id := ipfs(f.docs.Cid()), f.docs.RawData(), f.docs.Cid().String()
	return []Rule{
		{"by format", get(path + "?format=raw"), []expect{
			status(200), body(raw), header("Content-Type", rawType), header("Etag", quoted(id+".raw")), header("X-Content-Type-Options", "nosniff"), forEver,
			header("Content-Disposition", `attachment; filename="`+id+`.bin"; filename*=UTF-8''`+id+".bin"), header("Content-Length", fmt.Sprint(len(raw))),
			header("X-Ipfs-Path", path), header("X-Ipfs-Roots", id), header("Content-Location", ""),
		}},
		{"by Accept", get(path).with("Accept: " + rawType), []expect{status(200), body(raw), header("Content-Type", rawType), headerHas("Content-Location", "format=raw")}},
		{"format goes before Accept", get(path + "?format=raw").with("Accept: " + carType), []expect{status(200), body(raw)}},
		{"to HEAD", head(path + "?format=raw"), []expect{status(200), text(""), header("Content-Length", fmt.Sprint(len(raw))), header("Content-Type", rawType)}},
		{"on a path", get(ipfs(f.site.Cid(), "docs") + "?format=raw"), []expect{status(200), body(raw)}},
		{"filename names it", get(path + "?format=raw&filename=x.bin"), []expect{header("Content-Disposition", `attachment; filename="x.bin"; filename*=UTF-8''x.bin`)}},
		{"only if cached, and it is not", get(ipfs(f.missing) + "?format=raw").with("Cache-Control: only-if-cached"), []expect{status(412)}},
		{"in its CID", get(ipfs(f.inline) + "?format=raw"), []expect{status(200), text("small")}},
	}
}

// carRules are of the trustless gateway: blocks that prove a path and what is at its end.
func (f *Fixture) carRules() []Rule {
	site, docs, large := f.site.Cid(), f.docs.Cid(), f.large.Cid()
	whole := get(ipfs(large) + "?format=car")
	leaves := cidsOf(f.large)
	scope := func(path, scope string) request { return get(path + "?format=car&dag-scope=" + scope) }
	part := func(n, bytes string) request {
		return get(ipfs(large) + "?format=car&dag-scope=entity&entity-bytes=" + bytes).with("X-Case: " + n)
	}
	return []Rule{
		{"by format", whole, []expect{
			status(200), headerHas("Content-Type", carType), headerHas("Content-Type", "version=1"), header("X-Content-Type-Options", "nosniff"), forEver,
			headerHas("Content-Disposition", `attachment; filename="`+large.String()+`.car"`), header("Accept-Ranges", "none"), header("X-Ipfs-Path", ipfs(large)),
			car(append([]cid.Cid{large}, leaves...)...),
		}},
		{"by Accept", get(ipfs(large)).with("Accept: " + carType), []expect{status(200), headerHas("Content-Location", "format=car"), car(append([]cid.Cid{large}, leaves...)...)}},
		{"the version may be asked for", get(ipfs(large)).with("Accept: " + carType + ";version=1"), []expect{status(200)}},
		{"another version is none", get(ipfs(large)).with("Accept: " + carType + ";version=2"), []expect{status(400)}},
		{"to HEAD", head(ipfs(large) + "?format=car"), []expect{status(200), text(""), headerHas("Content-Type", carType)}},
		{"one block at the end of a path", scope(ipfs(site, "docs"), "block"), []expect{car(site, docs)}},
		{"one block of a file", scope(ipfs(site, "large.bin"), "block"), []expect{car(site, large)}},
		{"a directory and not what is in it", scope(ipfs(site, "docs"), "entity"), []expect{car(site, docs)}},
		{"a sharded directory", scope(ipfs(site, "sharded"), "entity"), []expect{status(200), carHas(site, f.sharded.Cid()), carLacks(f.missing)}},
		{"all of a file", scope(ipfs(site, "large.bin"), "entity"), []expect{car(append([]cid.Cid{site, large}, leaves...)...)}},
		{"all of a directory", scope(ipfs(site), "all"), []expect{carHas(append([]cid.Cid{site, docs, large}, leaves...)...)}},
		{"all is the default", get(ipfs(site) + "?format=car"), []expect{carHas(append([]cid.Cid{site, docs, large}, leaves...)...)}},
		{"a path through a sharded directory", scope(ipfs(site, "sharded/042.txt"), "block"), []expect{status(200), carHas(site, f.sharded.Cid()), carLacks(docs, large)}},
		{"a path through DAG-CBOR", scope(ipfs(f.cbor, "doc/docs"), "block"), []expect{car(f.cbor, site, docs)}},
		{"a block of DAG-CBOR without what it links to", scope(ipfs(f.cbor), "entity"), []expect{car(f.cbor)}},
		{"an unknown scope", scope(ipfs(site), "other"), []expect{status(400)}},
		{"the first byte", part("first", "0:0"), []expect{car(large, leaves[0])}},
		{"bytes in the middle", part("middle", "1000:1999"), []expect{car(large, leaves[1])}},
		{"over the end of a block", part("over", "999:1000"), []expect{car(large, leaves[0], leaves[1])}},
		{"from a byte on", part("from", "2000:*"), []expect{car(large, leaves[2])}},
		{"the last bytes", part("last", "-100:*"), []expect{car(large, leaves[2])}},
		{"up to bytes before the end", part("up to", "0:-1600"), []expect{car(large, leaves[0])}},
		{"more than there is", part("more", "2400:99999"), []expect{car(large, leaves[2])}},
		{"all bytes", part("all", "0:*"), []expect{car(append([]cid.Cid{large}, leaves...)...)}},
		{"bytes of a directory are the directory", get(ipfs(docs) + "?format=car&dag-scope=entity&entity-bytes=0:*"), []expect{car(docs)}},
		{"no range", part("none", "x:y"), []expect{status(400)}},
		{"a block that is missing behind the bytes", get(ipfs(f.gap.Cid()) + "?format=car&dag-scope=entity&entity-bytes=0:3999"), []expect{car(f.gap.Cid(), f.gapBlocks[0])}},
		{"a block that is missing before the bytes", get(ipfs(f.gap.Cid()) + "?format=car&dag-scope=entity&entity-bytes=8000:*"), []expect{car(f.gap.Cid(), f.gapBlocks[2])}},
		{"each block once", get(ipfs(docs) + "?format=car&car-dups=n"), []expect{headerHas("Content-Type", "dups=n"), carTimes(f.child(f.docs, "twin.txt"), 1)}},
		{"each block as often as it is met", get(ipfs(docs) + "?format=car&car-dups=y"), []expect{headerHas("Content-Type", "dups=y"), carTimes(f.child(f.docs, "twin.txt"), 2)}},
		{"by Accept, too", get(ipfs(docs)).with("Accept: " + carType + ";dups=y;order=dfs"), []expect{headerHas("Content-Type", "order=dfs"), carTimes(f.child(f.docs, "twin.txt"), 2)}},
		{"the query goes before Accept", get(ipfs(docs) + "?format=car&car-dups=y").with("Accept: " + carType + ";dups=n"), []expect{carTimes(f.child(f.docs, "twin.txt"), 2)}},
		{"depth first", get(ipfs(site, "large.bin") + "?format=car&car-order=dfs"), []expect{headerHas("Content-Type", "order=dfs"), inOrder(append([]cid.Cid{site, large}, leaves...))}},
		{"any order", get(ipfs(site, "large.bin") + "?format=car&car-order=unk"), []expect{status(200), carHas(large)}},
		{"an unknown order", get(ipfs(site) + "?format=car&car-order=other"), []expect{status(400)}},
		{"a path that leads nowhere, as far as it goes", get(ipfs(site, "nothing") + "?format=car"), []expect{car(site)}},
		{"a small block in its CID", get(ipfs(f.inline) + "?format=car"), []expect{status(200), headerHas("Content-Type", carType)}},
		{"a root behind a name", get("/ipns/" + f.name.String() + "/docs?format=car&dag-scope=block"), []expect{car(site, docs), notForEver}},
	}
}

// recordRules are of the trustless gateway: the signed record of a name.
func (f *Fixture) recordRules() []Rule {
	var rules []Rule
	for what, name := range map[string]string{"": f.name.String(), " without the old signature": f.nameV2.String()} {
		rules = append(rules,
			Rule{"by format" + what, get("/ipns/" + name + "?format=ipns-record"), []expect{
				status(200), body(f.Records[name]), header("Content-Type", recordType), header("X-Content-Type-Options", "nosniff"),
				headerHas("Content-Disposition", `attachment; filename="`+name+`.ipns-record"`), headerHas("Cache-Control", "public, max-age=600"), notForEver,
			}},
			Rule{"by Accept" + what, get("/ipns/" + name).with("Accept: " + recordType), []expect{status(200), body(f.Records[name]), headerHas("Content-Location", "format=ipns-record")}},
		)
	}
	name := f.name.String()
	return append(rules,
		Rule{"filename names it", get("/ipns/" + name + "?format=ipns-record&filename=x.bin"), []expect{headerHas("Content-Disposition", `filename="x.bin"`)}},
		Rule{"to HEAD", head("/ipns/" + name + "?format=ipns-record"), []expect{status(200), text(""), header("Content-Type", recordType)}},
		Rule{"is known already", get("/ipns/" + name + "?format=ipns-record"), []expect{notModifiedAgain}},
		Rule{"of a path there is none", get("/ipns/" + name + "/docs?format=ipns-record"), []expect{status(400)}},
		Rule{"of a CID there is none", get(ipfs(f.site.Cid()) + "?format=ipns-record"), []expect{status(400)}},
		Rule{"of a DNSLink there is none", get("/ipns/" + siteName + "?format=ipns-record"), []expect{status(400)}},
	)
}

// trustlessRules are of a gateway that serves only what a client can verify, whatever the form of its host's name.
func (f *Fixture) trustlessRules() []Rule {
	site, name := ipfs(f.site.Cid()), "/ipns/"+f.name.String()
	var rules []Rule
	for what, host := range map[string]string{
		"": TrustlessHost, ", with a port": TrustlessHost + ":8080", ", in capitals": strings.ToUpper(TrustlessHost), ", with a dot at the end": TrustlessHost + ".",
	} {
		at := func(p string) request { return get(p).on(host) }
		rules = append(rules,
			Rule{"blocks" + what, at(site + "?format=raw"), []expect{status(200), body(f.site.RawData())}},
			Rule{"CARs" + what, at(site + "/docs?format=car&dag-scope=block"), []expect{status(200), carHas(f.site.Cid(), f.docs.Cid())}},
			Rule{"records" + what, at(name + "?format=ipns-record"), []expect{status(200), body(f.Records[f.name.String()])}},
			Rule{"no pages" + what, at(site + "/index.html"), []expect{status(406), lacks("front page"), notForEver}},
			Rule{"no listings" + what, at(site + "/docs/"), []expect{status(406), lacks("pixel.png")}},
			Rule{"no archives" + what, at(site + "?format=tar"), []expect{status(406)}},
			Rule{"no other codecs" + what, at(ipfs(f.cbor) + "?format=dag-cbor"), []expect{status(406)}},
			Rule{"no ranges of files" + what, at(ipfs(f.large.Cid())).with("Range: bytes=0-1,4-5"), []expect{status(406)}},
			Rule{"nothing behind a name but its record" + what, at(name + "/index.html"), []expect{status(406)}},
			Rule{"no blocks on a path, which one block cannot prove" + what, at(site + "/docs?format=raw"), []expect{status(406)}},
		)
	}
	return rules
}

// car wants a CAR whose blocks are these, in any order.
func car(want ...cid.Cid) expect {
	return func(a *answer) error {
		if a.StatusCode != 200 {
			return fmt.Errorf("status %d", a.StatusCode)
		}
		got, err := readCAR(a.body)
		if err != nil {
			return err
		}
		if !slices.Equal(sorted(got), sorted(want)) {
			return fmt.Errorf("blocks %v, want %v", got, want)
		}
		return nil
	}
}

// carHas wants a CAR with at least these blocks.
func carHas(want ...cid.Cid) expect {
	return func(a *answer) error {
		got, err := readCAR(a.body)
		for _, c := range want {
			if err == nil && !slices.Contains(got, c) {
				err = fmt.Errorf("%s is not among %v", c, got)
			}
		}
		return err
	}
}

func carLacks(unwanted ...cid.Cid) expect {
	return func(a *answer) error {
		got, err := readCAR(a.body)
		for _, c := range unwanted {
			if err == nil && slices.Contains(got, c) {
				err = fmt.Errorf("%s is among %v", c, got)
			}
		}
		return err
	}
}

// carTimes wants a block this often.
func carTimes(c cid.Cid, want int) expect {
	return func(a *answer) error {
		got, err := readCAR(a.body)
		times := 0
		for _, g := range got {
			if g.Equals(c) {
				times++
			}
		}
		if err == nil && times != want {
			err = fmt.Errorf("%s is there %d times, want %d", c, times, want)
		}
		return err
	}
}

// inOrder wants exactly these blocks, in this order.
func inOrder(want []cid.Cid) expect {
	return func(a *answer) error {
		got, err := readCAR(a.body)
		if err == nil && !slices.Equal(got, want) {
			err = fmt.Errorf("blocks %v, want %v", got, want)
		}
		return err
	}
}

func sorted(list []cid.Cid) []cid.Cid {
	return slices.SortedFunc(slices.Values(list), func(a, b cid.Cid) int { return bytes.Compare(a.Bytes(), b.Bytes()) })
}

func cidsOf(node ipld.Node) (list []cid.Cid) {
	for _, l := range node.Links() {
		list = append(list, l.Cid)
	}
	return list
}
