package pages

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/ipfs/boxo/gateway/assets"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
)

const directory = "bafybeibfqazdolesjwltptfvojxc5x5yqewhukf745pn4uz7xdz6joewhi"

// shelf is content in memory: entries of the one directory, and what Missing says.
type shelf struct {
	links   []*ipld.Link
	err     error // after the links
	missing string
	parts   int
	node    *assets.ParsedNode
}

func (s shelf) Missing(context.Context, string) (string, int) { return s.missing, s.parts }

func (s shelf) Links(_ context.Context, c cid.Cid, f func(*ipld.Link) error) error {
	if c.String() != directory {
		return fmt.Errorf("asked for %s", c)
	}
	for _, l := range s.links {
		if err := f(l); err != nil {
			return err
		}
	}
	return s.err
}

func (s shelf) Node(_ context.Context, c cid.Cid) (*assets.ParsedNode, string, error) {
	return s.node, "dag-cbor", s.err
}

// entries makes links with these names.
func entries(names ...string) (links []*ipld.Link) {
	for n, name := range names {
		links = append(links, &ipld.Link{Name: name, Size: uint64(n) * 1500, Cid: cid.MustParse(directory)})
	}
	return links
}

func newPages(t *testing.T, o Options) *Pages {
	t.Helper()
	if o.Content == nil {
		o.Content = shelf{}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

type reply struct {
	*http.Response
	body string
}

// ask sends one request through a real server; header pairs follow the path.
func ask(t *testing.T, h http.Handler, method, path string, header ...string) reply {
	t.Helper()
	server := httptest.NewServer(h)
	defer server.Close()
	r, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := server.Client().Transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{res, string(body)}
}

// checkOurs checks what holds for every page of ours.
func checkOurs(t *testing.T, got reply) {
	t.Helper()
	policy := got.Header.Get("Content-Security-Policy")
	if !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "style-src 'sha256-") {
		t.Errorf("the policy is %q", policy)
	}
	if got.Header.Get("X-Content-Type-Options") != "nosniff" || got.Header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("headers %v", got.Header)
	}
	if len(got.body) >= 20_000 {
		t.Errorf("the page has %d bytes", len(got.body))
	}
	for _, of := range []string{"<script", "src=", "@import", "url("} {
		if strings.Contains(got.body, of) {
			t.Errorf("the page contains %q", of)
		}
	}
}
