package itest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// badRequest cannot be right: it gets a status of the client's fault and an error in the API's own form, which says why.
type badRequest struct {
	method, url string // the URL from the path on; of the REST listener unless it begins with /api/v0/ or another base
	contentType string
	body        string
	code        int    // 0: any fault of the client
	says        string // what the message names
}

// What cannot be right is refused by every route of every API with a 4xx that names the fault in the API's own form, and
// changes nothing.
func TestBadRequests(t *testing.T) {
	c := Start(t)
	p := c.Peers[0]
	kept, err := p.Add([]byte("must stay as it is"), "pin-name=kept")
	if err != nil {
		t.Fatal(err)
	}
	c.Acked(kept)
	before := p.everything(t)
	for _, requests := range []func(kept string) []badRequest{restRequests, optionRequests, bulkRequests, accessRequests, pinningRequests, rpcRequests} {
		for _, r := range requests(kept) {
			p.refuses(t, r)
		}
	}
	for _, r := range everyRoute(t) {
		p.refuses(t, r)
	}
	if code := crossOrigin(t, p.API+"/api/v0/pin/rm?arg="+kept); code != http.StatusForbidden {
		t.Errorf("a page of another site may unpin: status %d", code)
	}
	if after := p.everything(t); after != before {
		t.Errorf("something has changed:\nbefore %s\nafter  %s", before, after)
	}
}

func crossOrigin(t *testing.T, url string) int {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Origin", "https://evil.example")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

// everything is what the cluster holds, as one text: pins, members, credentials, pinning requests, keys, files, settings.
func (p *Peer) everything(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, path := range []string{"/allocations", "/access/tokens", "/access/users"} {
		body, err := p.Do(http.MethodGet, path)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&all, "%s: %s\n", path, body)
	}
	requests, err := p.Do(http.MethodGet, p.PSA+"/pins?limit=1000&status=queued,pinning,pinned,failed")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&all, "pinning requests: %s\n", requests)
	members, err := p.Do(http.MethodGet, "/peers")
	if err != nil {
		t.Fatal(err)
	}
	ids := regexp.MustCompile(`(?m)^\{"id":"\w+"`).FindAllString(string(members), -1)
	slices.Sort(ids)
	fmt.Fprintf(&all, "members: %q\n", ids)
	for _, command := range []string{"key/list", "files/stat?arg=/", "config/show", "pin/ls"} {
		body, err := p.Do(http.MethodPost, p.API+"/api/v0/"+command)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&all, "%s: %s\n", command, body)
	}
	return all.String()
}

// refuses sends a request and checks the answer.
func (p *Peer) refuses(t *testing.T, r badRequest) {
	t.Helper()
	url := p.base(r.url) + r.url
	req, err := http.NewRequest(r.method, url, strings.NewReader(r.body))
	if err != nil {
		t.Fatal(err)
	}
	if r.contentType != "" {
		req.Header.Set("Content-Type", r.contentType)
	}
	resp, err := p.http.Do(req)
	name := r.method + " " + abridge(r.url) + " " + abridge(r.body)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Errorf("%s: %v", name, err)
	}
	text := strings.ToLower(string(body))
	switch {
	case r.code != 0 && resp.StatusCode != r.code, resp.StatusCode < 400 || resp.StatusCode >= 500:
		t.Errorf("%s: %d, want %d: %s", name, resp.StatusCode, r.code, abridge(string(body)))
	case !strings.Contains(text, strings.ToLower(r.says)):
		t.Errorf("%s: the message does not name %q: %s", name, r.says, abridge(string(body)))
	case !inOwnForm(r.url, resp.StatusCode, body):
		t.Errorf("%s: not the form in which this API tells errors: %s", name, abridge(string(body)))
	case resp.StatusCode == http.StatusMethodNotAllowed && resp.Header.Get("Allow") == "" && !isRPC(r.url):
		t.Errorf("%s: 405 does not say which methods there are", name)
	}
}

// base is where a path is served.
func (p *Peer) base(path string) string {
	if isRPC(path) || strings.HasPrefix(path, "/psa/") {
		return p.API
	}
	return p.REST
}

func isRPC(path string) bool { return strings.HasPrefix(path, "/api/v0/") }

// inOwnForm tells whether an error is told as the clients of the API expect it. Kubo tells those of its own code as text or
// in JSON.
func inOwnForm(path string, status int, body []byte) bool {
	switch {
	case isRPC(path):
		return true
	case strings.HasPrefix(path, "/psa/"):
		var told struct {
			Error struct{ Reason, Details string }
		}
		return json.Unmarshal(body, &told) == nil && told.Error.Reason != "" && told.Error.Details != ""
	default:
		var told struct {
			Code    int
			Message string
		}
		return json.Unmarshal(body, &told) == nil && told.Code == status && told.Message != ""
	}
}

func abridge(text string) string {
	const most = 200
	if len(text) > most {
		return fmt.Sprintf("%.*s... (%d bytes)", most, text, len(text))
	}
	return text
}

// everyRoute makes the requests that no route takes, out of the list of all routes that docs/access-matrix.md is.
func everyRoute(t *testing.T) []badRequest {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(root(), "docs", "access-matrix.md"))
	if err != nil {
		t.Fatal(err)
	}
	routes := []string{"GET /psa/pins", "POST /psa/pins", "GET /psa/pins/{id}", "POST /psa/pins/{id}", "DELETE /psa/pins/{id}"}
	for _, found := range regexp.MustCompile("(?m)^\\| `([A-Z]+ /[^`]*)`").FindAllSubmatch(raw, -1) {
		if route := string(bytes.ReplaceAll(found[1], []byte(`\|`), []byte("|"))); route != "POST /anything/else" && isREST(route) {
			routes = append(routes, route)
		}
	}
	if len(routes) < 40 {
		t.Fatalf("only %d routes: %q", len(routes), routes)
	}
	methods := make(map[string][]string)
	for _, route := range routes {
		method, path, _ := strings.Cut(route, " ")
		path = regexp.MustCompile(`\{keyType[^}]*\}/\{[^}]*\}`).ReplaceAllString(path, "ipfs/{path}")
		methods[path] = append(methods[path], method)
	}
	var all []badRequest
	for path, allowed := range methods {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, "NONSENSE"} {
			if !slices.Contains(allowed, method) && !isAnotherRoute(method, path) {
				all = append(all, badRequest{method: method, url: withElement(path, "x"), code: 405, says: method})
			}
		}
		for _, method := range allowed {
			all = append(all,
				badRequest{method: method, url: withElement(path, "x") + "?local=%zz", code: 400, says: "query"},
				badRequest{method: method, url: withElement(path, "x") + "?local=%ff", code: 400, says: "local"},
				badRequest{method: method, url: withElement(path, "x") + "?local=true&local=false", code: 400, says: "local"})
			if path != withElement(path, "x") {
				all = append(all, badRequest{method: method, url: withElement(path, "%ff%fe"), code: 400, says: "UTF-8"})
				if path != "/monitor/metrics/{name}" { // there may be metrics of any name
					all = append(all, badRequest{method: method, url: withElement(path, strings.Repeat("x", 100_000))})
				}
			}
		}
	}
	return all
}

// isREST tells the routes of the REST API from what else the private listeners have: for load balancers, which are told the same
// whatever they add, for people, for Prometheus and for profiles. Those have tests of their own.
func isREST(route string) bool {
	_, path, _ := strings.Cut(route, " ")
	return !regexp.MustCompile(`^/(healthz|readyz|ui|metrics|debug)(/|$)`).MatchString(path)
}

// isAnotherRoute tells paths with an element for which a longer list of methods holds when it has a meaning of its own.
func isAnotherRoute(method, path string) bool {
	return method == http.MethodGet && path == "/pins/recover" || method != http.MethodPost && (path == "/pins/recover" || path == "/pins/rebalance")
}

// withElement fills in the elements of a path.
func withElement(path, element string) string {
	return regexp.MustCompile(`\{[^}]*\}`).ReplaceAllString(path, element)
}
