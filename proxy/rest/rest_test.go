package rest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs-cluster/ipfs-cluster/state"
	"github.com/ipfs/boxo/path/resolver"

	"github.com/underlay/underlay/consensus"
	"github.com/underlay/underlay/proxy/fault"
)

type badInput struct {
	name, method, path, body string
	want                     int
}

func badInputs() []badInput {
	const pin = "/pins/" + cid1
	return []badInput{
		{"unknown route", "GET", "/nothing", "", 404},
		{"root", "GET", "/", "", 404},
		{"RPC path", "POST", "/api/v0/id", "", 404},
		{"unknown method", "PUT", pin, "", 405},
		{"method of another route", "POST", "/id", "", 405},
		{"bad CID to pin", "POST", "/pins/nonsense", "", 400},
		{"bad CID to unpin", "DELETE", "/pins/nonsense", "", 400},
		{"bad CID for status", "GET", "/pins/nonsense", "", 400},
		{"bad CID for allocation", "GET", "/allocations/nonsense", "", 400},
		{"bad CID to recover", "POST", "/pins/nonsense/recover", "", 400},
		{"bad CID in list", "GET", "/pins?cids=" + cid1 + ",nonsense", "", 400},
		{"bad path", "POST", "/pins/ipfs/nonsense/a", "", 400},
		{"bad path to unpin", "DELETE", "/pins/ipfs/nonsense", "", 400},
		{"bad namespace", "POST", "/pins/http/" + cid1, "", 404},
		{"bad status filter", "GET", "/pins?filter=pinned,nonsense", "", 400},
		{"bad pin type filter", "GET", "/allocations?filter=pin,nonsense", "", 400},
		{"bad local", "GET", "/pins?local=maybe", "", 400},
		{"bad local for garbage", "POST", "/ipfs/gc?local=maybe", "", 400},
		{"bad local to recover", "POST", "/pins/recover?local=maybe", "", 400},
		{"replication not a number", "POST", pin + "?replication-min=x", "", 400},
		{"replication too low", "POST", pin + "?replication=-2", "", 400},
		{"replication reversed", "POST", pin + "?replication-min=3&replication-max=2", "", 400},
		{"replication half everywhere", "POST", pin + "?replication-min=-1&replication-max=2", "", 400},
		{"bad mode", "POST", pin + "?mode=shallow", "", 400},
		{"bad expiry", "POST", pin + "?expire-at=tomorrow", "", 400},
		{"expiry in the past", "POST", pin + "?expire-at=2001-01-01T00:00:00Z", "", 400},
		{"expiry too soon", "POST", pin + "?expire-in=1ms", "", 400},
		{"bad allocation", "POST", pin + "?user-allocations=nobody", "", 400},
		{"bad update", "POST", pin + "?pin-update=nonsense", "", 400},
		{"bad origin", "POST", pin + "?origins=nonsense", "", 400},
		{"bad shard size", "POST", pin + "?shard-size=x", "", 400},
		{"bad option with a path", "POST", "/pins/ipfs/" + cid1 + "?expire-in=x", "", 400},
		{"no peer", "POST", "/peers", "", 400},
		{"body is not JSON", "POST", "/peers", "{", 400},
		{"bad peer to add", "POST", "/peers", `{"peer_id":"nobody"}`, 400},
		{"huge body", "POST", "/peers", `{"peer_id":"` + strings.Repeat("x", maxBody) + `"}`, 413},
		{"bad peer to remove", "DELETE", "/peers/nobody", "", 400},
		{"add without upload", "POST", "/add", "", 400},
	}
}

func TestRESTBadInputChangesNothing(t *testing.T) {
	for _, c := range badInputs() {
		t.Run(c.name, func(t *testing.T) {
			f := newFake()
			s := serve(t, f, nil)
			got := ask(t, c.method, s.URL+c.path, c.body)
			var e api.Error
			if err := json.Unmarshal([]byte(got.body), &e); err != nil {
				t.Fatalf("body %q is no API error: %v", got.body, err)
			}
			if got.StatusCode != c.want || e.Code != c.want || e.Message == "" {
				t.Errorf("status %d, body %q, want %d in both", got.StatusCode, got.body, c.want)
			}
			if ct := got.Header.Get("Content-Type"); ct != "application/json" {
				t.Errorf("Content-Type %q", ct)
			}
			if changed := f.changes(); len(changed) != 0 {
				t.Errorf("bad input reached the cluster: %q", changed)
			}
		})
	}
}

// teapot stands for an error of a package that this one does not know.
type teapot struct{}

func (teapot) Error() string   { return "teapot" }
func (teapot) HTTPStatus() int { return http.StatusTeapot }

func TestErrorStatus(t *testing.T) {
	cases := []struct {
		name string
		err  error
		want int
	}{
		{"unknown", errors.New("anything"), 500},
		{"no leader", fmt.Errorf("commit: %w", consensus.ErrNoLeader), 503},
		{"overloaded", fmt.Errorf("commit: %w", consensus.ErrOverloaded), 503},
		{"unknown outcome", fmt.Errorf("commit: %w", consensus.ErrUnknownOutcome), 504},
		{"full disk", fmt.Errorf("commit: %w", consensus.ErrDiskFull), 507},
		{"absent pin", fmt.Errorf("unpin: %w", state.ErrNotFound), 404},
		{"knows its status", fmt.Errorf("brew: %w", teapot{}), 418},
		{"deadline", fmt.Errorf("wait: %w", context.DeadlineExceeded), 504},
		{"cancelled", fmt.Errorf("wait: %w", context.Canceled), 503},
		{"no such link", fmt.Errorf("resolve: %w", &resolver.ErrNoLink{Name: "a"}), 404},
		{"same text as a sentinel", errors.New(context.DeadlineExceeded.Error()), 500},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := fault.Status(c.err); got != c.want {
				t.Errorf("status %d, want %d", got, c.want)
			}
		})
	}
}

func TestRESTErrorsOfTheCluster(t *testing.T) {
	f := newFake()
	f.fail = fmt.Errorf("commit pin: %w", consensus.ErrNoLeader)
	s := serve(t, f, nil)
	for _, path := range []string{"/pins/" + cid1, "/pins/ipfs/" + cid1, "/pins/recover"} {
		got := ask(t, "POST", s.URL+path, "")
		if got.StatusCode != 503 || got.Header.Get("Retry-After") == "" || !strings.Contains(got.body, consensus.ErrNoLeader.Error()) {
			t.Errorf("POST %s: status %d, Retry-After %q, body %s", path, got.StatusCode, got.Header.Get("Retry-After"), got.body)
		}
	}
}

func TestRESTAbsentPins(t *testing.T) {
	s := serve(t, newFake(), nil)
	for _, c := range []struct{ method, path string }{
		{"GET", "/allocations/" + cid1},
		{"DELETE", "/pins/" + cid1},
		{"DELETE", "/pins/ipfs/" + cid1},
	} {
		if got := ask(t, c.method, s.URL+c.path, ""); got.StatusCode != 404 {
			t.Errorf("%s %s: status %d, want 404", c.method, c.path, got.StatusCode)
		}
	}
}

func TestRESTRefusedPinsAreTheClientsFault(t *testing.T) {
	data, shard := api.PinCid(mustCid(cid1)), api.PinCid(mustCid(cid2))
	shard.Type = api.ShardType
	cases := []struct {
		name, method, path string
		want               int
	}{
		{"recursive to direct", "POST", "/pins/" + cid1 + "?mode=direct", 400},
		{"recursive to direct by path", "POST", "/pins/ipfs/" + cid1 + "?mode=direct", 400},
		{"pin a shard", "POST", "/pins/" + cid2, 400},
		{"update from a shard", "POST", "/pins/" + cid1 + "?pin-update=" + cid2, 400},
		{"unpin a shard", "DELETE", "/pins/" + cid2, 400},
		{"a refusal that nothing explains", "POST", "/pins/" + cid1, 500},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := newFake()
			f.pins[cid1], f.pins[cid2] = data, shard
			f.fail = errors.New("refused")
			if got := ask(t, c.method, serve(t, f, nil).URL+c.path, ""); got.StatusCode != c.want {
				t.Errorf("status %d, want %d: %s", got.StatusCode, c.want, got.body)
			}
		})
	}
}

func TestRESTHealthFollowsReady(t *testing.T) {
	var why error
	s := serve(t, newFake(), func(o *Options) { o.Ready = func() error { return why } })
	if got := ask(t, "GET", s.URL+"/health", ""); got.StatusCode != 204 || got.body != "" {
		t.Errorf("ready: status %d, body %q", got.StatusCode, got.body)
	}
	why = errors.New("no contact with a leader for 5s")
	got := ask(t, "GET", s.URL+"/health", "")
	if got.StatusCode != 503 || got.Header.Get("Retry-After") == "" || !strings.Contains(got.body, why.Error()) {
		t.Errorf("not ready: status %d, header %v, body %q", got.StatusCode, got.Header, got.body)
	}
	if got := ask(t, "GET", s.URL+"/id", ""); got.StatusCode != 200 {
		t.Errorf("other routes do not depend on Ready: status %d", got.StatusCode)
	}
}

func TestRESTStreams(t *testing.T) {
	f := newFake()
	s := serve(t, f, nil)
	for _, path := range []string{"/pins", "/allocations", "/pins?local=true"} {
		got := ask(t, "GET", s.URL+path, "")
		if got.StatusCode != 204 || got.body != "" {
			t.Errorf("empty %s: status %d, body %q", path, got.StatusCode, got.body)
		}
	}
	f.pins[cid1], f.pins[cid2] = api.PinCid(mustCid(cid1)), api.PinCid(mustCid(cid2))
	got := ask(t, "GET", s.URL+"/allocations", "")
	if lines := strings.Count(got.body, "\n"); got.StatusCode != 200 || lines != 2 {
		t.Errorf("two pins: status %d, body %q", got.StatusCode, got.body)
	}
	if v, ok := got.Trailer["X-Stream-Error"]; !ok || len(v) != 1 || v[0] != "" {
		t.Errorf("trailer of a complete stream: %v", got.Trailer)
	}
	if got := ask(t, "GET", s.URL+"/allocations?filter=shard-pin", ""); got.StatusCode != 204 {
		t.Errorf("no pin of that type: status %d", got.StatusCode)
	}
}

func TestRESTStreamsThatFail(t *testing.T) {
	f := newFake()
	f.fail = errors.New("store closed")
	f.pins[cid1], f.pins[cid2] = api.PinCid(mustCid(cid1)), api.PinCid(mustCid(cid2))
	s := serve(t, f, nil)
	if got := ask(t, "GET", s.URL+"/allocations", ""); got.StatusCode != 500 || !strings.Contains(got.body, "store closed") {
		t.Errorf("before the first item: status %d, body %q", got.StatusCode, got.body)
	}
	both := ask(t, "GET", s.URL+"/pins?cids="+cid1+","+cid2, "")
	if both.StatusCode != 500 || !strings.Contains(both.body, cid1) || !strings.Contains(both.body, cid2) {
		t.Errorf("no CID could be looked up: status %d, body %q", both.StatusCode, both.body)
	}
	f.failAt = 1
	got := ask(t, "GET", s.URL+"/allocations", "")
	if got.StatusCode != 200 || strings.Count(got.body, "\n") != 1 || !strings.Contains(strings.Join(got.Trailer["X-Stream-Error"], ""), "store closed") {
		t.Errorf("after the first item: status %d, body %q, trailer %v", got.StatusCode, got.body, got.Trailer)
	}
}

func TestRESTStreamEndsWithItsClient(t *testing.T) {
	f := newFake()
	f.endless = true
	s := serve(t, f, nil)
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, "GET", s.URL+"/pins", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := s.Client().Do(req)
	if err != nil {
		t.Fatalf("open stream: %v", err)
	}
	cancel()
	res.Body.Close()
	select {
	case <-f.stopped:
	case <-time.After(20 * time.Second):
		t.Fatal("the producer still runs after its client left")
	}
}

func TestRESTBrowsers(t *testing.T) {
	f := newFake()
	s := serve(t, f, nil)
	if got := ask(t, "GET", s.URL+"/id", "", "Origin", "http://page.example"); got.Header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("a page may read: header %v", got.Header)
	}
	got := ask(t, "DELETE", s.URL+"/pins/"+cid1, "", "Origin", "http://page.example")
	if got.StatusCode != 403 || len(f.changes()) != 0 {
		t.Errorf("a page of another site may not write: status %d, changes %q", got.StatusCode, f.changes())
	}
	if got := ask(t, "POST", s.URL+"/pins/"+cid1, "", "Origin", s.URL); got.StatusCode != 200 {
		t.Errorf("a page of this site may write: status %d", got.StatusCode)
	}
}

func TestRESTRouting(t *testing.T) {
	s := serve(t, newFake(), nil)
	cases := []struct{ name, method, path, location string }{
		{"slash at the end", "GET", "/peers/", "/peers"},
		{"query survives", "POST", "/pins/" + cid1 + "/?name=a%20b", "/pins/" + cid1 + "?name=a%20b"},
		{"escapes survive", "POST", "/pins/ipfs/" + cid1 + "/a%2Fb%3Fc/", "/pins/ipfs/" + cid1 + "/a%2Fb%3Fc"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := ask(t, c.method, s.URL+c.path, "")
			if got.StatusCode != 307 || got.Header.Get("Location") != c.location {
				t.Errorf("status %d to %q, want 307 to %q", got.StatusCode, got.Header.Get("Location"), c.location)
			}
		})
	}
	if got := ask(t, "GET", s.URL+"//elsewhere.example/", ""); strings.HasPrefix(got.Header.Get("Location"), "//") {
		t.Errorf("a path leads to another host: %q", got.Header.Get("Location"))
	}
	if got := ask(t, "PUT", s.URL+"/pins/"+cid1, ""); got.Header.Get("Allow") != "GET, POST, DELETE" {
		t.Errorf("Allow is %q", got.Header.Get("Allow"))
	}
	none := serve(t, newFake(), func(o *Options) { o.Monitor = nil })
	if got := ask(t, "GET", none.URL+"/monitor/metrics", ""); got.StatusCode != 404 {
		t.Errorf("no monitor: status %d", got.StatusCode)
	}
}

// Every route is one of IPFS Cluster's, or stands in docs/openapi.yaml; and nothing stands there that is no route.
func TestRoutesAreDescribed(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromFile("../../docs/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	stock := []string{
		"GET /id", "GET /version", "GET /peers", "POST /peers", "DELETE /peers/{peer}", "POST /add",
		"GET /allocations/{hash}", "POST /pins/{hash}/recover", "POST /pins/recover", "GET /pins/{hash}", "POST /pins/{hash}",
		"DELETE /pins/{hash}", "POST /pins/{keyType:ipfs|ipns|ipld}/{path:.*}", "DELETE /pins/{keyType:ipfs|ipns|ipld}/{path:.*}",
		"POST /ipfs/gc", "GET /health/graph", "GET /health/alerts", "GET /health/bandwidth", "GET /health",
		"GET /monitor/metrics/{name}", "GET /monitor/metrics",
	}
	described := make(map[string]bool)
	for path, item := range doc.Paths.Map() {
		if strings.HasPrefix(path, "/access/") || path == "/healthz" || path == "/readyz" { // answered before this API
			continue
		}
		for method := range item.Operations() {
			described[method+" "+path] = true
		}
	}
	a := &handlers{Options{
		Monitor: newFake(), Pinset: struct{ BulkPinset }{}, Events: struct{ Events }{}, Denylist: struct{ Denylist }{}, Consensus: func() consensus.Status { return consensus.Status{} },
	}}
	for _, r := range a.routes() {
		route := r.method + " " + r.pattern
		if !described[route] && !slices.Contains(stock, route) {
			t.Errorf("%s is not described", route)
		}
		delete(described, route)
	}
	for route := range described {
		t.Errorf("%s is described and not there", route)
	}
}

// A page whose name was made to lead to this machine is refused, whatever it asks for; pages of this machine and clients
// that are no browsers are not, nor what comes through a proxy.
func TestRESTRefusesReboundPages(t *testing.T) {
	server := serve(t, newFake(), nil)
	for name, c := range map[string]struct {
		host    string
		headers map[string]string
		want    int
	}{
		"rebound page":            {"evil.example:9094", map[string]string{"Origin": "http://evil.example:9094"}, 403},
		"rebound page that reads": {"evil.example:9094", map[string]string{"Sec-Fetch-Site": "same-origin"}, 403},
		"rebound to an address":   {"10.0.0.1", map[string]string{"Sec-Fetch-Site": "same-origin"}, 403},
		"page of this machine":    {"localhost:9094", map[string]string{"Sec-Fetch-Site": "same-origin"}, 200},
		"page of this address":    {"[::1]:9094", map[string]string{"Sec-Fetch-Site": "same-origin"}, 200},
		"no browser":              {"cluster.example", nil, 200},
		"through a proxy":         {"cluster.example", map[string]string{"Sec-Fetch-Site": "same-origin", "X-Forwarded-For": "10.0.0.9"}, 200},
	} {
		req, err := http.NewRequest(http.MethodGet, server.URL+"/id", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = c.host
		for key, value := range c.headers {
			req.Header.Set(key, value)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != c.want {
			t.Errorf("%s: status %d, want %d", name, resp.StatusCode, c.want)
		}
	}
}
