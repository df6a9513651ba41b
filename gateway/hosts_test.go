package gateway

import (
	"bytes"
	"strings"
	"testing"

	"github.com/ipfs/boxo/files"
	"github.com/ipfs/kubo/config"
)

func TestOwnPagesDependOnTheHost(t *testing.T) {
	node := newNode(t, false, nil)
	root := add(t, node, files.NewMapDirectory(map[string]files.Node{
		"index.html": files.NewBytesFile([]byte("site")),
		"healthz":    files.NewBytesFile([]byte("content, not health")),
	}))
	g := start(t, Options{Node: node})
	site := root.RootCid().String() + ".ipfs.localhost"
	cases := []struct{ name, host, path, want string }{
		{"page by address", "127.0.0.1:8080", "/", "underlay gateway"},
		{"page on localhost", "localhost:8080", "/", "underlay gateway"},
		{"page on a bare name", "somewhere", "/", "underlay gateway"},
		{"health by address", "127.0.0.1", "/healthz", "ok\n"},
		{"health on localhost", "localhost:8080", "/healthz", "ok\n"},
		{"content root", site, "/", "site"},
		{"content named healthz", site, "/healthz", "content, not health"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := ask(t, "GET", g.url+c.path, "Host", c.host)
			if got.StatusCode != 200 || !bytes.Contains(got.body, []byte(c.want)) {
				t.Errorf("status %d: %q, want %q", got.StatusCode, got.body, c.want)
			}
			if head := ask(t, "HEAD", g.url+c.path, "Host", c.host); head.StatusCode != 200 || len(head.body) != 0 {
				t.Errorf("HEAD: status %d with %d bytes", head.StatusCode, len(head.body))
			}
		})
	}
}

func TestLocalhostIsolatesContentInSubdomains(t *testing.T) {
	node := newNode(t, false, nil)
	root := add(t, node, files.NewBytesFile([]byte("own origin")))
	g := start(t, Options{Node: node})
	got := ask(t, "GET", g.url+root.String(), "Host", "localhost:8080")
	want := "http://" + root.RootCid().String() + ".ipfs.localhost:8080/"
	if got.StatusCode != 301 || got.Header.Get("Location") != want {
		t.Errorf("status %d to %q, want 301 to %q", got.StatusCode, got.Header.Get("Location"), want)
	}
}

func TestGatewaySettingsOfTheNodeHold(t *testing.T) {
	cases := []struct {
		name string
		edit func(*config.Config)
		path string // %s stands for the CID
		host string
		want int
		body string
	}{
		{"null removes localhost's rule", func(c *config.Config) {
			c.Gateway.PublicGateways = map[string]*config.GatewaySpec{"localhost": nil}
		}, "/ipfs/%s", "localhost", 200, "text"},
		{"host serves only the paths it names", func(c *config.Config) {
			c.Gateway.PublicGateways = map[string]*config.GatewaySpec{
				"files.test": {Paths: []string{"/ipns"}, NoDNSLink: true},
			}
		}, "/ipfs/%s", "files.test", 404, ""},
		{"trustless only", func(c *config.Config) { c.Gateway.DeserializedResponses = config.False }, "/ipfs/%s", "127.0.0.1", 406, ""},
		{"trustless block", func(c *config.Config) { c.Gateway.DeserializedResponses = config.False }, "/ipfs/%s?format=raw", "127.0.0.1", 200, "text"},
		{"root redirect", func(c *config.Config) { c.Gateway.RootRedirect = "/ipns/docs.test" }, "/", "127.0.0.1", 302, ""},
		{"root redirect leaves other paths", func(c *config.Config) { c.Gateway.RootRedirect = "/ipns/docs.test" }, "/other", "127.0.0.1", 404, ""},
		{"routing API on request", func(c *config.Config) { c.Gateway.ExposeRoutingAPI = config.True }, "/routing/v1/peers/bad", "127.0.0.1", 400, ""},
		{"range limit", func(c *config.Config) {
			c.Gateway.MaxRangeRequestFileSize = &config.OptionalBytes{OptionalString: *config.NewOptionalString("2B")}
		}, "/ipfs/%s?range", "127.0.0.1", 501, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			node := newNode(t, false, c.edit)
			root := add(t, node, files.NewBytesFile([]byte("text")))
			g := start(t, Options{Node: node})
			path := strings.ReplaceAll(c.path, "%s", root.RootCid().String())
			header := []string{"Host", c.host}
			if strings.HasSuffix(path, "?range") {
				header = append(header, "Range", "bytes=0-1")
			}
			got := ask(t, "GET", g.url+path, header...)
			if got.StatusCode != c.want || (c.body != "" && string(got.body) != c.body) {
				t.Errorf("status %d, want %d: %s", got.StatusCode, c.want, got.body)
			}
		})
	}
}
