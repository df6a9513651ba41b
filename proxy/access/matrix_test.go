package access_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/mux"
	cmds "github.com/ipfs/go-ipfs-cmds"
	corecommands "github.com/ipfs/kubo/core/commands"

	"github.com/underlay/underlay/consensus"
	"github.com/underlay/underlay/internal/testkit"
	"github.com/underlay/underlay/proxy/access"
	"github.com/underlay/underlay/proxy/console"
	"github.com/underlay/underlay/proxy/proxytest"
	"github.com/underlay/underlay/proxy/rest"
)

var updateMatrix = flag.Bool("update-matrix", false, "write docs/access-matrix.md instead of comparing it")

// matrixPage says who may do what. It is made by asking: go test ./proxy/access -run TestAccessMatrix -update-matrix
const matrixPage = "../../docs/access-matrix.md"

// matrix asks a guard, behind which everything succeeds.
type matrix struct {
	t       *testing.T
	handler http.Handler
	asked   int
}

const matrixAdmin = "the admin token of the matrix test"

func newMatrix(t *testing.T) *matrix {
	t.Helper()
	guard := proxytest.NewGuard(t, proxytest.NewNetwork().Join(t, "one"), access.Options{Terms: access.Terms{AdminToken: matrixAdmin}})
	behind := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	return &matrix{t: t, handler: guard.Wrap(behind, access.Private)}
}

// restRoutes lists the routes of a REST API that has all of them.
func restRoutes() []string {
	return rest.Routes(rest.Options{
		Monitor: struct{ rest.Monitor }{}, Pinset: struct{ rest.BulkPinset }{}, Events: struct{ rest.Events }{},
		Denylist:  struct{ rest.Denylist }{},
		Consensus: func() consensus.Status { return consensus.Status{} },
	})
}

// ask sends a request from an address of its own, or wrong credentials would soon be limited.
func (m *matrix) ask(method, path, token, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	m.asked++
	r.RemoteAddr = fmt.Sprintf("10.%d.%d.%d:1", m.asked>>16&255, m.asked>>8&255, m.asked&255)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	m.handler.ServeHTTP(w, r)
	return w
}

// make makes a token.
func (m *matrix) make(scopes, more string) (id, token string) {
	m.t.Helper()
	w := m.ask("POST", "/access/tokens", matrixAdmin, `{"name": "matrix", "scopes": [`+scopes+`]`+more+`}`)
	var made struct{ ID, Token string }
	if err := json.Unmarshal(w.Body.Bytes(), &made); err != nil || w.Code != http.StatusCreated {
		m.t.Fatalf("make token: %d %s", w.Code, w.Body)
	}
	return made.ID, made.Token
}

// bad lists credentials that nothing may be done with.
func (m *matrix) bad() map[string]string {
	m.t.Helper()
	revoked, revokedToken := m.make(`"admin"`, "")
	if w := m.ask("DELETE", "/access/tokens/"+revoked, matrixAdmin, ""); w.Code != http.StatusNoContent {
		m.t.Fatalf("revoke: %d %s", w.Code, w.Body)
	}
	_, expired := m.make(`"admin"`, `, "expires": "`+time.Now().Add(time.Second).UTC().Format(time.RFC3339Nano)+`"`)
	testkit.Eventually(m.t, proxytest.Patience, "a token expires", func() bool { return m.ask("GET", "/id", expired, "").Code == http.StatusUnauthorized })
	return map[string]string{
		"none": "", "wrong": "ul_" + strings.Repeat("0", 64), "expired": expired, "revoked": revokedToken,
	}
}

// call is a row of the matrix.
type call struct {
	name, method, path string
}

// matrixCalls lists every route and every command.
func matrixCalls() (calls []call) {
	for _, r := range restRoutes() {
		method, pattern, _ := strings.Cut(r, " ")
		calls = append(calls, call{r, method, examplePath(pattern)})
	}
	for _, r := range console.Routes() {
		method, pattern, _ := strings.Cut(r, " ")
		calls = append(calls, call{r, method, examplePath(pattern)})
	}
	for _, r := range []string{
		"GET /healthz", "GET /readyz",
		"GET /access/self", "GET /access/tokens", "POST /access/tokens", "GET /access/tokens/{id}",
		"PUT /access/tokens/{id}", "DELETE /access/tokens/{id}",
		"GET /access/users", "POST /access/users", "GET /access/users/{id}", "PUT /access/users/{id}", "DELETE /access/users/{id}",
		"POST /token", "POST /anything/else",
	} {
		method, path, _ := strings.Cut(r, " ")
		calls = append(calls, call{r, method, strings.ReplaceAll(path, "{id}", "x")})
	}
	for _, name := range kuboCommands() {
		calls = append(calls, call{name, "POST", "/api/v0/" + name})
	}
	return append(calls, call{"any/other", "POST", "/api/v0/any/other"})
}

const (
	exampleCid  = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"
	examplePeer = "12D3KooWGC6TvWhfapngX6wvJHMYvKpDMXPb3ZnCZ6dMoaMtimQ5"
)

// examplePath is a path that a pattern of the router matches.
func examplePath(pattern string) string {
	return strings.NewReplacer("{hash}", exampleCid, "{peer}", examplePeer, "{name}", "ping", "{keyType:ipfs|ipns|ipld}", "ipfs",
		"{path:.*}", exampleCid+"/a/b").Replace(pattern)
}

// kuboCommands lists the commands that kubo answers over HTTP.
func kuboCommands() (names []string) {
	var walk func(path string, c *cmds.Command)
	walk = func(path string, c *cmds.Command) {
		if path != "" && c.Run != nil && !c.NoRemote {
			names = append(names, path)
		}
		for name, sub := range c.Subcommands {
			walk(strings.TrimPrefix(path+"/"+name, "/"), sub)
		}
	}
	walk("", corecommands.Root)
	slices.Sort(names)
	return names
}

// Every route and every command, asked with each scope, with no credential, and with such as are wrong, expired or
// revoked. What each scope may is on the page; whoever changes that changes the page too.
func TestAccessMatrix(t *testing.T) {
	m := newMatrix(t)
	bad := m.bad()
	scopes := []struct{ name, json string }{
		{"read", `"read"`}, {"pin", `"pin"`}, {"add", `"add"`}, {"pin+add", `"pin", "add"`}, {"admin", `"admin"`},
	}
	tokens := make([]string, len(scopes))
	for i, s := range scopes {
		_, tokens[i] = m.make(s.json, "")
	}
	var page strings.Builder
	page.WriteString("# What each scope may do\n\nMade by `go test ./proxy/access -run TestAccessMatrix -update-matrix`, which asks for everything with " +
		"everything.\nWhat the scopes are for is in [access.md](access.md). Commands are those below `/api/v0/`.\n\n" +
		"| | read | pin | add | pin, add | admin |\n|---|---|---|---|---|---|\n")
	for _, c := range matrixCalls() {
		free := c.name == "GET /health" || c.name == "GET /healthz" || c.name == "GET /readyz"
		for name, token := range bad {
			if w := m.ask(c.method, c.path, token, ""); (w.Code == http.StatusUnauthorized) == free {
				t.Errorf("%s, credential %s: %d %s", c.name, name, w.Code, w.Body)
			}
		}
		row := "| `" + strings.ReplaceAll(c.name, "|", `\|`) + "` |"
		for i := range scopes {
			row += m.cell(c, tokens[i])
		}
		page.WriteString(row + "\n")
	}
	compareMatrix(t, page.String())
}

// cell asks for one thing with one token.
func (m *matrix) cell(c call, token string) string {
	w := m.ask(c.method, c.path, token, "")
	switch {
	case w.Code == http.StatusUnauthorized:
		m.t.Errorf("%s: the credential is not known: %s", c.name, w.Body)
	case w.Code != http.StatusForbidden, c.name == "POST /token": // which is refused for a reason of its own
		return " yes |"
	case !strings.Contains(w.Body.String(), "lacks the scope that this needs"):
		m.t.Errorf("%s is refused without naming a scope: %s", c.name, w.Body)
	}
	return " |"
}

func compareMatrix(t *testing.T, want string) {
	t.Helper()
	if *updateMatrix {
		if err := os.WriteFile(matrixPage, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(matrixPage)
	if err != nil {
		t.Fatal(err)
	}
	is := strings.Split(string(got), "\n")
	for i, line := range strings.Split(want, "\n") {
		if i >= len(is) || is[i] != line {
			t.Fatalf("%s does not say %q; if that is meant, run: go test ./proxy/access -run TestAccessMatrix -update-matrix", matrixPage, line)
		}
	}
	if string(got) != want {
		t.Errorf("%s says more than is so", matrixPage)
	}
}

// A route of the REST API or the console that is new must be given a scope. The router and the table read paths in the same way.
func TestEveryRouteHasAScope(t *testing.T) {
	guard := proxytest.NewGuard(t, proxytest.NewNetwork().Join(t, "one"), access.Options{})
	router, needs := mux.NewRouter(), make(map[string]access.Scopes)
	for _, r := range restRoutes() {
		method, pattern, _ := strings.Cut(r, " ")
		router.Methods(method).Path(pattern).Handler(http.NotFoundHandler()).Name(r)
		need, known := guard.Needs(httptest.NewRequest(method, examplePath(pattern), nil))
		if !known {
			t.Errorf("%s has no scope in proxy/access/routes.go", r)
		}
		needs[r] = need
	}
	for _, r := range console.Routes() {
		method, pattern, _ := strings.Cut(r, " ")
		if _, known := guard.Needs(httptest.NewRequest(method, examplePath(pattern), nil)); !known {
			t.Errorf("%s has no scope in proxy/access/routes.go", r)
		}
	}
	words := []string{"", "pins", "recover", "ipfs", "gc", "health", "graph", "id", "peers", "backup", "..", ".", "a%2Fb", "%2e%2e", exampleCid, "monitor", "metrics"}
	for _, method := range []string{"GET", "HEAD", "POST", "DELETE"} {
		for _, one := range words {
			for _, two := range words {
				for _, three := range words {
					req := httptest.NewRequest(method, "/"+one+"/"+two+"/"+three, nil)
					var match mux.RouteMatch
					if !router.Match(req, &match) || match.Route == nil || match.Route.GetName() == "" {
						continue
					}
					want := needs[match.Route.GetName()]
					if need, _ := guard.Needs(req); need != want && need != access.Admin {
						t.Errorf("%s %s is routed to %s and needs %q, not %q", method, req.URL, match.Route.GetName(), need, want)
					}
				}
			}
		}
	}
}
