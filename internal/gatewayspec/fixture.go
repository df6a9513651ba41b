package gatewayspec

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/ipfs/boxo/ipns"
	"github.com/ipfs/boxo/path"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multihash"
)

// Hosts of the gateway under test. It has to serve what their names say, and content by path to every other host.
const (
	PathHost      = "paths.example.org"
	SubdomainHost = "dweb.example.org"
	TrustlessHost = "trustless.example.org"
)

// Names with a DNSLink.
const (
	siteName     = "site.example.net"
	subPathName  = "sub-path.example.net"
	ipnsName     = "over-ipns.example.net"
	redirectName = "redirects.example.net"
)

// Fixture is the content that the rules ask for.
type Fixture struct {
	// Blocks is everything that a gateway needs, with CIDs.
	Blocks []blocks.Block
	// Records are the records of names in their protobuf form, by name.
	Records map[string][]byte

	site, redirects, broken, spa               ipld.Node
	docs, large, sharded, gap                  ipld.Node
	cbor, json, plainCBOR, plainJSON           cid.Cid
	largeBytes, gapBytes, cborBytes, jsonBytes []byte
	redirectBytes                              string
	name, nameV2, nameSub                      ipns.Name
	missing                                    cid.Cid   // nobody has it
	inline                                     cid.Cid   // holds its content
	gapBlocks                                  []cid.Cid // of gap: the second is missing
}

const (
	indexPage = "<!DOCTYPE html><html><body>front page</body></html>"
	note      = "a note\n"
	oddName   = "50%25+ü=?.txt" // as a user may call a file; a URL has to escape it
	oddPath   = "50%2525%2B%C3%BC%3D%3F.txt"
	plainJSON = `{"plain":"json"}`
)

// New makes the content, the same each time but for the times in the records.
func New() (*Fixture, error) {
	m := newMaker()
	f := &Fixture{Records: make(map[string][]byte)}
	for _, step := range []func(maker) error{f.makeSite, f.makeRedirects, f.makeData, f.makeGap} {
		if err := step(m); err != nil {
			return nil, fmt.Errorf("make the content of the rules: %w", err)
		}
	}
	for _, b := range m.store.put {
		if !slices.Contains(f.gapBlocks[1:2], b.Cid()) {
			f.Blocks = append(f.Blocks, b)
		}
	}
	if err := f.makeRecords(); err != nil {
		return nil, fmt.Errorf("make the records of the rules: %w", err)
	}
	return f, nil
}

// CAR is all blocks in one file, as `dag import` reads it. The DAGs of its roots are whole.
func (f *Fixture) CAR() []byte { return writeCAR(f.site.Cid(), f.Blocks) }

// DNSLinks are the names with a DNSLink in the form of the environment variable IPFS_NS_MAP, by which boxo's name system
// knows them without asking a server.
func (f *Fixture) DNSLinks() string {
	return strings.Join([]string{
		siteName + ":/ipfs/" + f.site.Cid().String(),
		subPathName + ":/ipfs/" + f.site.Cid().String() + "/docs",
		ipnsName + ":/ipns/" + f.name.String(),
		redirectName + ":/ipfs/" + f.redirects.Cid().String(),
	}, ",")
}

// Rules are all rules, by specification.
func (f *Fixture) Rules() []Group {
	return []Group{
		{"path gateway", f.pathRules()},
		{"conditional requests", f.conditionRules()},
		{"ranges", f.rangeRules()},
		{"listings", f.listingRules()},
		{"codecs", f.codecRules()},
		{"TAR", f.tarRules()},
		{"names", f.nameRules()},
		{"subdomain gateway", f.subdomainRules()},
		{"DNSLink gateway", f.dnslinkRules()},
		{"redirects file", f.redirectRules()},
		{"trustless block", f.blockRules()},
		{"trustless CAR", f.carRules()},
		{"trustless record", f.recordRules()},
		{"trustless only", f.trustlessRules()},
	}
}

func (f *Fixture) makeSite(m maker) (err error) {
	f.largeBytes = noise(2500)
	if f.large, err = m.file(f.largeBytes, 1000); err != nil {
		return err
	}
	link, err := m.symlink("a note.txt")
	if err != nil {
		return err
	}
	png := append([]byte("\x89PNG\r\n\x1a\n"), bytes.Repeat([]byte{1, 2}, 50)...)
	if f.docs, err = m.dir(map[string]any{
		"a note.txt": note, "twin.txt": note, "pixel.png": png, "link": link, oddName: "odd",
		"page": "<!DOCTYPE html><html><body>no extension</body></html>",
	}); err != nil {
		return err
	}
	if f.sharded, err = m.sharded(100); err != nil {
		return err
	}
	f.site, err = m.dir(map[string]any{
		"index.html": indexPage, "docs": f.docs, "large.bin": f.large, "sharded": f.sharded, "ipfs": "a file that is called ipfs",
	})
	return err
}

func (f *Fixture) makeRedirects(m maker) (err error) {
	f.redirectBytes = `# rules are tried in order
/old            /new.html
/found          /new.html                302
/posts/:y/:t    /articles/:y-:t.html     301
/splat/*        /to/:splat               302
/missing/*      /404.html                404
/gone/*         /410.html                410
/refused/*      /451.html                451
/page           /new.html                200
/away           https://other.example/x  302
/new.html       /never.html              302
`
	if f.redirects, err = m.dir(map[string]any{
		"_redirects": f.redirectBytes, "new.html": "new", "404.html": "own 404", "410.html": "own 410", "451.html": "own 451",
	}); err != nil {
		return err
	}
	if f.broken, err = m.dir(map[string]any{"_redirects": "/only-one-part\n", "file.txt": "text"}); err != nil {
		return err
	}
	f.spa, err = m.dir(map[string]any{"_redirects": "/* /index.html 200\n", "index.html": indexPage, "app.js": "app"})
	return err
}

func (f *Fixture) makeData(m maker) (err error) {
	// {"doc": link to the site, "text": "value"}, in each codec
	f.cborBytes = bytes.Join([][]byte{[]byte("\xa2\x63doc"), cborLink(f.site.Cid()), []byte("\x64text\x65value")}, nil)
	f.jsonBytes = []byte(`{"doc":{"/":"` + f.site.Cid().String() + `"},"text":"value"}`)
	for _, block := range []struct {
		into  *cid.Cid
		codec uint64
		bytes []byte
	}{
		{&f.cbor, codecDagCBOR, f.cborBytes}, {&f.json, codecDagJSON, f.jsonBytes},
		{&f.plainCBOR, codecCBOR, []byte("\xa1\x65plain\x64cbor")}, {&f.plainJSON, codecJSON, []byte(plainJSON)},
	} {
		if *block.into, err = m.data(block.codec, block.bytes); err != nil {
			return err
		}
	}
	if f.inline, err = (cid.V1Builder{Codec: cid.Raw, MhType: multihash.IDENTITY}).Sum([]byte("small")); err != nil {
		return err
	}
	f.missing, err = cid.V1Builder{Codec: cid.Raw, MhType: multihash.SHA2_256}.Sum([]byte("nobody has this"))
	return err
}

// makeGap makes a file of three blocks, of which one will be missing.
func (f *Fixture) makeGap(m maker) (err error) {
	f.gapBytes = noise(12_000) // sniffing the type takes the first 3072
	if f.gap, err = m.file(f.gapBytes, 4000); err != nil {
		return err
	}
	for _, l := range f.gap.Links() {
		f.gapBlocks = append(f.gapBlocks, l.Cid)
	}
	return nil
}

func (f *Fixture) makeRecords() error {
	for i, n := range []struct {
		into  *ipns.Name
		value string
		old   bool // with the signature of version 1, too
	}{
		{&f.name, "/ipfs/" + f.site.Cid().String(), true},
		{&f.nameV2, "/ipfs/" + f.site.Cid().String(), false},
		{&f.nameSub, "/ipfs/" + f.site.Cid().String() + "/docs", true},
	} {
		seed := bytes.Repeat([]byte{byte(i + 1)}, ed25519.SeedSize)
		key, err := crypto.UnmarshalEd25519PrivateKey(ed25519.NewKeyFromSeed(seed))
		if err != nil {
			return err
		}
		id, err := peer.IDFromPrivateKey(key)
		if err != nil {
			return err
		}
		value, err := path.NewPath(n.value)
		if err != nil {
			return err
		}
		record, err := ipns.NewRecord(key, value, 1, time.Now().Add(24*time.Hour), 10*time.Minute, ipns.WithV1Compatibility(n.old))
		if err != nil {
			return err
		}
		raw, err := ipns.MarshalRecord(record)
		if err != nil {
			return err
		}
		*n.into = ipns.NameFromPeer(id)
		f.Records[n.into.String()] = raw
	}
	return nil
}

// noise is n bytes, the same in every run.
func noise(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{}).Read(b) //nolint:errcheck // it never fails
	return b
}

// Site is the CID of a directory with index.html, docs/page and docs/a note.txt.
func (f *Fixture) Site() string { return f.site.Cid().String() }

// Website is a name whose DNSLink leads to Site.
func (f *Fixture) Website() string { return siteName }

// OtherWebsite is a name whose DNSLink leads to docs of Site.
func (f *Fixture) OtherWebsite() string { return subPathName }

// Name is a key's name that leads to Site, and its record.
func (f *Fixture) Name() (name string, record []byte) {
	return f.name.String(), f.Records[f.name.String()]
}
