package gateway

import (
	"bytes"
	"strings"
	"testing"

	"github.com/underlay/underlay/internal/gatewayspec"
)

// What the options turn on is off without them.
func TestOwnSettings(t *testing.T) {
	f, err := gatewayspec.New()
	if err != nil {
		t.Fatal(err)
	}
	node := newSpecNode(t, f)
	name, record := f.Name()
	known := map[string]Host{"known.test": {Kind: Deserialised}, "paths.test": {Kind: Deserialised, Paths: []string{"/ipfs"}}}
	plain := start(t, Options{Node: node, Hosts: known})
	full := start(t, Options{Node: node, Hosts: known, RootRedirect: "/ipfs/" + f.Site() + "/", CodecConversion: true, RoutingAPI: true})
	for _, c := range []struct {
		what, host, path string
		without, with    int
		location, body   string
	}{
		{"redirect of the root", "gw.test", "/", 200, 302, "/ipfs/" + f.Site() + "/", ""},
		{"on a host that is known", "known.test", "/", 200, 302, "/ipfs/" + f.Site() + "/", ""},
		{"not of content", f.Website(), "/", 200, 200, "", "front page"},
		{"conversion", "gw.test", "/ipfs/" + f.Site() + "?format=dag-json", 406, 200, "", `"index.html"`},
		{"routing", "gw.test", "/routing/v1/ipns/" + name, 404, 200, "", string(record)},
		{"routing on a host that is known", "known.test", "/routing/v1/ipns/" + name, 404, 200, "", string(record)},
		{"routing on a host that does without", "paths.test", "/routing/v1/ipns/" + name, 404, 404, "", ""},
		{"what looks like routing is content on hosts of content", f.Site() + ".ipfs.localhost", "/routing/v1/ipns/" + name, 400, 400, "", ""},
	} {
		accept := []string{"Host", c.host, "Accept", "application/vnd.ipfs.ipns-record,*/*"}
		if !strings.HasPrefix(c.path, "/routing") {
			accept = accept[:2]
		}
		if got := ask(t, "GET", plain.url+c.path, accept...); got.StatusCode != c.without {
			t.Errorf("%s, not turned on: %s", c.what, got.Status)
		}
		got := ask(t, "GET", full.url+c.path, accept...)
		if got.StatusCode != c.with || got.Header.Get("Location") != c.location || !bytes.Contains(got.body, []byte(c.body)) {
			t.Errorf("%s: %s to %q: %.200q", c.what, got.Status, got.Header.Get("Location"), got.body)
		}
	}
}
