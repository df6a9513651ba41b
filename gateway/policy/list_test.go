package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/ipfs/boxo/ipns"
	"github.com/ipfs/boxo/path"
	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
)

func newPath(t testing.TB, text string) path.Path {
	t.Helper()
	p, err := path.NewPath(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// rawCID is the CID of a raw block with a content.
func rawCID(t testing.TB, content string) cid.Cid {
	t.Helper()
	sum, err := multihash.Sum([]byte(content), multihash.SHA2_256, -1)
	if err != nil {
		t.Fatal(err)
	}
	return cid.NewCidV1(cid.Raw, sum)
}

func hexHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func base58Hash(t testing.TB, text string) string {
	t.Helper()
	sum, err := multihash.Sum([]byte(text), multihash.SHA2_256, -1)
	if err != nil {
		t.Fatal(err)
	}
	return sum.B58String()
}

const (
	keyName = "k51qzi5uqu5dgutdk6i1ynyzgkqngpha5xpgia3a5qqp4jsh0u4csozksxel2r"
	legal   = http.StatusUnavailableForLegalReasons
)

// Each rule is in a list of its own; what it denies is denied with the status, and nothing else is.
func TestRules(t *testing.T) {
	c := rawCID(t, "denied")
	v0 := cid.NewCidV0(c.Hash())
	dag := cid.NewCidV1(cid.DagProtobuf, c.Hash())
	other := rawCID(t, "another")
	key, err := ipns.NameFromString(keyName)
	if err != nil {
		t.Fatal(err)
	}
	here := "/ipfs/" + c.String()
	for name, test := range map[string]struct {
		list   string
		status int
		denied []string
		free   []string
	}{
		"CID in any form, and all below it": {here, 410,
			[]string{here, here + "/a/b", "/ipfs/" + v0.String(), "/ipfs/" + dag.String() + "/a", "/ipld/" + c.String()},
			[]string{"/ipfs/" + other.String(), "/ipfs/" + other.String() + "/" + c.String()}},
		"path":             {here + "/a", 410, []string{here + "/a"}, []string{here, here + "/b", here + "/a/b"}},
		"everything below": {here + "/a/*", 410, []string{here + "/a", here + "/a/b"}, []string{here, here + "/b"}},
		"but for a path":   {here + "\n+" + here + "/good", 410, []string{here, here + "/bad"}, []string{here + "/good"}},
		"hint":             {here + " gateway_status=451", legal, []string{here}, nil},
		"hint of the list": {"version: 1\nhints:\n  gateway_status: 451\n---\n" + here, legal, []string{here}, nil},
		"unknown status":   {here + " gateway_status=200", 410, []string{here}, nil},
		"carriage returns": {"version: 1\r\n---\r\n" + here + "\r\n", 410, []string{here}, nil},
		"key": {"/ipns/" + keyName, 410,
			[]string{"/ipns/" + keyName + "/a", "/ipns/" + key.Peer().String(), "/ipns/" + key.Peer().String() + "/a"}, []string{here}},
		"domain": {"/ipns/example.org", 410,
			[]string{"/ipns/example.org", "/ipns/EXAMPLE.org/a", "/ipns/example.org./a"}, []string{"/ipns/www.example.org"}},
		"hash of a multihash":  {"//" + hexHash(c.Hash().B58String()), 410, []string{here, here + "/a", "/ipfs/" + v0.String()}, []string{"/ipfs/" + other.String()}},
		"hash in base58":       {"//" + base58Hash(t, c.Hash().B58String()), 410, []string{here, here + "/a"}, []string{"/ipfs/" + other.String()}},
		"hash of a path":       {"//" + hexHash(c.Hash().B58String()+"/a"), 410, []string{here + "/a"}, []string{here, here + "/b"}},
		"old hash":             {"//" + hexHash(c.String()+"/"), 410, []string{here, "/ipfs/" + c.String()}, []string{"/ipfs/" + other.String()}},
		"old hash of a path":   {"//" + hexHash(c.String()+"/a"), 410, []string{here + "/a"}, []string{here}},
		"hash of a domain":     {"//" + hexHash("/ipns/example.org"), 410, []string{"/ipns/example.org/a", "/ipns/Example.org"}, []string{here}},
		"old hash of a domain": {"//" + hexHash("example.org/"), 410, []string{"/ipns/example.org/a"}, []string{here}},
		"hash of a key":        {"//" + hexHash(key.Cid().Hash().B58String()), 410, []string{"/ipns/" + keyName + "/a"}, []string{here}},
		"hash, status of list": {"hints:\n  gateway_status: 451\n---\n//" + hexHash(c.Hash().B58String()), legal, []string{here}, nil},
		"hash with a hint":     {"//" + hexHash(c.Hash().B58String()) + " gateway_status=451", legal, []string{here}, nil},
		"hash taken back":      {"//" + hexHash(c.Hash().B58String()) + "\n+//" + hexHash(c.Hash().B58String()), 410, nil, []string{here}},
		"hash by SHA-512":      {"//" + sha512Hash(t, c.Hash().B58String()), 410, []string{here, here + "/a"}, []string{"/ipfs/" + other.String()}},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := readList("list", []byte(test.list+"\n# a comment\n\n"))
			if err != nil || l.faults > 0 {
				t.Fatalf("read: %v, %d faults", err, l.faults)
			}
			r := &rules{lists: []*list{l}, status: http.StatusGone}
			for range 2 { // the second time it may be remembered
				for _, p := range test.denied {
					if v := r.path(newPath(t, p)); !v.Denied || v.Status != test.status || v.List != "list" {
						t.Errorf("%s: %+v, not denied with %d", p, v, test.status)
					}
				}
				for _, p := range test.free {
					if v := r.path(newPath(t, p)); v.Denied {
						t.Errorf("%s is denied by %s", p, v.Rule)
					}
				}
			}
		})
	}
}

func sha512Hash(t testing.TB, text string) string {
	t.Helper()
	sum, err := multihash.Sum([]byte(text), multihash.SHA2_512, -1)
	if err != nil {
		t.Fatal(err)
	}
	return sum.B58String()
}

// A block is denied by what names its CID, whatever its codec, and not by a rule for a path below it.
func TestBlocks(t *testing.T) {
	c := rawCID(t, "denied")
	dag := cid.NewCidV1(cid.DagProtobuf, c.Hash())
	for rule, denied := range map[string]bool{
		"/ipfs/" + c.String():                true,
		"/ipfs/" + c.String() + "/*":         true,
		"//" + hexHash(c.Hash().B58String()): true,
		"//" + hexHash(dag.String()+"/"):     true,
		"/ipfs/" + c.String() + "/a":         false,
		"//" + hexHash("something else"):     false,
		"/ipns/" + c.String():                false,
		"+/ipfs/" + c.String():               false,
	} {
		l, err := readList("list", []byte(rule+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		r := &rules{lists: []*list{l}}
		if got := r.block(dag).Denied; got != denied {
			t.Errorf("%s: block is denied: %t", rule, got)
		}
	}
}

// The first list that knows something has the last word.
func TestOrderOfLists(t *testing.T) {
	here := "/ipfs/" + rawCID(t, "denied").String()
	read := func(text string) *list {
		l, err := readList("list", []byte(text+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	deny, allow := read(here), read("+"+here)
	if v := (&rules{lists: []*list{allow, deny}}).path(newPath(t, here)); v.Denied {
		t.Errorf("the list behind has the last word: %+v", v)
	}
	if v := (&rules{lists: []*list{deny, allow}}).path(newPath(t, here)); !v.Denied {
		t.Error("the list before has not the last word")
	}
}

// What is no denylist is refused as a whole; single lines are not.
func TestFaultsOfLists(t *testing.T) {
	rule := "/ipfs/" + rawCID(t, "denied").String() + "\n"
	for name, test := range map[string]struct {
		list   string
		size   int
		faults int
		broken bool
	}{
		"nothing":              {"", 0, 0, false},
		"a page":               {"<!DOCTYPE html>\n<html>\n<p>Log in first.</p>\n</html>\n", 0, 4, true},
		"an error":             {"Internal Server Error\n", 0, 1, true},
		"binary":               {string([]byte{0x1f, 0x8b, 8, 0, 10, 1, 10, 200}), 0, 0, true},
		"no YAML":              {"\tname: [\n---\n" + rule, 0, 0, true},
		"unknown version":      {"version: 2\n---\n" + rule, 0, 0, true},
		"one line of many":     {rule + "no rule\n" + rule, 2, 1, false},
		"no CID":               {rule + "/ipfs/nothing\n" + rule, 2, 1, false},
		"no hash":              {rule + "//nothing\n" + rule, 2, 1, false},
		"no end of the line":   {rule + strings.TrimSpace(rule), 2, 0, false},
		"more faults than not": {rule + "a\nb\n", 1, 2, true},
	} {
		l, err := readList("list", []byte(test.list))
		switch {
		case (err != nil) != test.broken:
			t.Errorf("%s: %v", name, err)
		case err == nil && (l.size != test.size || l.faults != test.faults):
			t.Errorf("%s: %d rules and %d faults", name, l.size, l.faults)
		}
	}
	if _, err := readList("list", []byte("no\n")); !errors.Is(err, errNoList) {
		t.Errorf("%v", err)
	}
}

func manyHashes(n int) []byte {
	var b strings.Builder
	b.WriteString("version: 1\nname: many\n---\n")
	for i := range n {
		fmt.Fprintf(&b, "//%s\n", hexHash(fmt.Sprint(i)))
	}
	return []byte(b.String())
}

// A list of very many double hashes takes little more memory than the hashes.
func TestHashesAreSmall(t *testing.T) {
	const n = 200_000
	data := manyHashes(n)
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	l, err := readList("list", data)
	if err != nil || l.size != n {
		t.Fatalf("read: %v, %d rules", err, l.size)
	}
	if each := float64(heap()-before) / n; each > 40 {
		t.Errorf("each of %d hashes takes %.0f bytes", n, each)
	}
	runtime.KeepAlive(data)
	runtime.KeepAlive(l)
}

// A check of what is not denied against a list of half a million double hashes.
func BenchmarkPath(b *testing.B) {
	l, err := readList("list", manyHashes(500_000))
	if err != nil {
		b.Fatal(err)
	}
	r := &rules{lists: []*list{l}}
	b.Run("remembered", func(b *testing.B) {
		p := newPath(b, "/ipfs/"+rawCID(b, "free").String()+"/a/b")
		for b.Loop() {
			r.path(p)
		}
	})
	b.Run("new", func(b *testing.B) {
		p := newPath(b, "/ipfs/"+rawCID(b, "free").String()+"/"+strings.Repeat("a", recentBytes))
		for b.Loop() {
			r.path(p)
		}
	})
	b.Run("block", func(b *testing.B) {
		c := rawCID(b, "free")
		for b.Loop() {
			r.block(c)
		}
	})
}

func BenchmarkReadList(b *testing.B) {
	data := manyHashes(500_000)
	for b.Loop() {
		if _, err := readList("list", data); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(len(data)))
}
