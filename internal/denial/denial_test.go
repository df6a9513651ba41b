package denial

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

const (
	v0  = "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPBdG"
	v1  = "bafybeie5nqv6kd3qnfjupgvz34woh3oksc3iau6abmyajn7qvtf6dz5tp4"
	raw = "bafkreie5nqv6kd3qnfjupgvz34woh3oksc3iau6abmyajn7qvtf6dz5tp4"
	key = "k51qzi5uqu5dgutdk6i1ynyzgkqngpha5xpgia3a5qqp4jsh0u4csozksxel2r"
	sum = "1f40fc92da241694750979ee6cf582f2d5d7d28e18335de05abc54d0560e0f53"
)

func TestCanonical(t *testing.T) {
	for text, want := range map[string]string{
		v0:                          "/ipfs/" + v0,
		v1 + "/a/b":                 "/ipfs/" + v1 + "/a/b",
		"/ipfs/" + v1 + "/":         "/ipfs/" + v1,
		"/ipfs/" + v1 + "/a/*":      "/ipfs/" + v1 + "/a",
		"/ipfs/" + v1 + "/a b%20c*": "/ipfs/" + v1 + "/a b%20c*",
		"/ipfs/" + v1 + "/a/../b":   "/ipfs/" + v1 + "/b",
		"ipfs://" + v1 + "/a":       "/ipfs/" + v1 + "/a",
		"/ipns/Example.ORG./A":      "/ipns/example.org/A",
		"ipns://" + key:             "/ipns/" + key,
		"//" + strings.ToUpper(sum): "//" + sum,
		"//" + v0:                   "//" + v0,
		"/ipns/12D3KooWAWs7QzKKDA8pAUYVK5hCUfTRpXnj9xUhsXq5ZT3rSAWJ": "/ipns/" + mustName(t, "12D3KooWAWs7QzKKDA8pAUYVK5hCUfTRpXnj9xUhsXq5ZT3rSAWJ"),
		"":                    "",
		"/":                   "",
		"/ipfs/":              "",
		"/ipfs/nothing":       "",
		"/ipld/" + v1:         "",
		"/ipns/nothing":       "",
		"/ipns/*.org":         "",
		"//":                  "",
		"//" + sum[2:]:        "",
		"//zz":                "",
		"https://example.org": "",
		"/ipfs/" + v1 + "/\n": "",
		"/ipfs/bafkqaaa":      "", // nothing
		"/ipfs/" + v1 + "/" + strings.Repeat("a", maxRuleBytes): "",
		"/ipfs/QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn":  "", // the empty directory
	} {
		got, err := Canonical(text)
		if got != want || (want == "") != errors.Is(err, ErrInvalid) {
			t.Errorf("%q: %q, %v; want %q", text, got, err, want)
		}
	}
}

func mustName(t *testing.T, peer string) string {
	t.Helper()
	got, err := Canonical("/ipns/" + peer)
	if err != nil || !strings.HasPrefix(got, "/ipns/k51") {
		t.Fatalf("%s: %q, %v", peer, got, err)
	}
	return strings.TrimPrefix(got, "/ipns/")
}

// What denies the same is the same, and what does not is not.
func TestID(t *testing.T) {
	same := []string{"/ipfs/" + v0, "/ipfs/" + v1, "/ipfs/" + raw}
	others := []string{"/ipfs/" + v0 + "/a", "/ipns/" + key, "//" + sum, "/ipns/example.org"}
	for _, r := range same {
		if (Rule{Rule: r}).ID() != (Rule{Rule: v1rule}).ID() {
			t.Errorf("%s is not the same", r)
		}
	}
	ids := map[string]string{(Rule{Rule: v1rule}).ID(): v1rule}
	for _, r := range others {
		id := Rule{Rule: r}.ID()
		if ids[id] != "" {
			t.Errorf("%s is the same as %s", r, ids[id])
		}
		ids[id] = r
	}
}

const v1rule = "/ipfs/" + v1

func TestPaths(t *testing.T) {
	for rule, want := range map[string][]string{
		"/ipfs/" + v0:          {"/ipfs/" + v0, "/ipfs/" + v1},
		"/ipfs/" + v1 + "/a b": {"/ipfs/" + v1 + "/a b", "/ipfs/" + v0 + "/a b"},
		"/ipfs/" + raw:         {"/ipfs/" + raw},
		"/ipns/example.org/a":  {"/ipns/example.org/a"},
		"//" + sum:             nil,
	} {
		if got := (Rule{Rule: rule}).Paths(); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", rule, got, want)
		}
	}
	if got := (Rule{Rule: "/ipns/" + key}).Paths(); len(got) != 2 || got[0] != "/ipns/"+key {
		t.Errorf("key: %v", got)
	}
}

func TestCheck(t *testing.T) {
	for name, r := range map[string]Rule{
		"status": {Rule: v1, Status: 404},
		"reason": {Rule: v1, Reason: strings.Repeat("a", maxReasonBytes+1)},
		"rule":   {Rule: "nothing"},
	} {
		if _, err := r.Check(); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got, err := (Rule{Rule: v1, Status: 451, Reason: "court order"}).Check(); err != nil || got.Rule != v1rule {
		t.Errorf("good rule: %+v, %v", got, err)
	}
}
