package restdiff

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/ipfs-cluster/ipfs-cluster/api/rest/client"

	"github.com/underlay/underlay/internal/itest"
)

// used is everything that the cases show to work.
func used(t *testing.T) map[string]bool {
	t.Helper()
	all := make(map[string]bool)
	for _, c := range newSuite(t).cases() {
		for _, s := range c.steps {
			for _, name := range s.action.uses() {
				all[name] = true
			}
		}
	}
	return all
}

// Every route of the stock API is in some case: they are read from its source.
func TestEveryRouteIsCovered(t *testing.T) {
	cases := used(t)
	routes := stockRoutes(t)
	if len(routes) < 20 {
		t.Fatalf("the stock API has only %d routes: %q", len(routes), routes)
	}
	for _, route := range routes {
		if !cases[route] {
			t.Errorf("no case uses %s", route)
		}
	}
}

// stockRoutes reads the table of routes in the source of the stock API.
func stockRoutes(t *testing.T) []string {
	t.Helper()
	dir, err := exec.Command("go", "list", "-f", "{{.Dir}}", "github.com/ipfs-cluster/ipfs-cluster/api/rest").Output()
	if err != nil {
		t.Fatal(err)
	}
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(strings.TrimSpace(string(dir)), "restapi.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var routes []string
	ast.Inspect(file, func(n ast.Node) bool {
		route, ok := n.(*ast.CompositeLit)
		if !ok {
			return true
		}
		values := make(map[string]string)
		for _, e := range route.Elts {
			if pair, ok := e.(*ast.KeyValueExpr); ok {
				if text, ok := pair.Value.(*ast.BasicLit); ok {
					values[pair.Key.(*ast.Ident).Name], _ = strconv.Unquote(text.Value)
				}
			}
		}
		if values["Method"] != "" && values["Pattern"] != "" {
			routes = append(routes, values["Method"]+" "+values["Pattern"])
		}
		return true
	})
	return routes
}

// Every parameter of the routes is in some case.
func TestEveryParameterIsCovered(t *testing.T) {
	cases := used(t)
	pin := []string{
		"name", "mode", "replication", "replication-min", "replication-max", "shard-size", "user-allocations", "expire-at", "expire-in", "meta-key", "pin-update", "origins",
	}
	add := []string{
		"layout", "chunker", "hash", "format", "local", "recursive", "hidden", "wrap-with-directory", "shard", "progress", "cid-version", "raw-leaves",
		"stream-channels", "nocopy", "no-pin", "name", "replication-min", "replication-max", "meta-k", "expire-at", "expire-in", "user-allocations", "origins", "pin-update", "mode",
	}
	for route, params := range map[string][]string{
		"POST /pins/{hash}": pin, "POST /add": add, "GET /allocations": {"filter"}, "GET /pins": {"filter", "local", "cids"}, "GET /pins/{hash}": {"local"},
		"POST /pins/{hash}/recover": {"local"}, "POST /pins/recover": {"local"}, "POST /ipfs/gc": {"local"},
		"POST /pins/{keyType:ipfs|ipns|ipld}/{path:.*}": {"name", "replication"},
	} {
		for _, param := range params {
			if !cases[route+"?"+param] {
				t.Errorf("no case uses %s of %s", param, route)
			}
		}
	}
}

// Every method of the Go client is called, by each kind of client.
func TestEveryMethodIsCovered(t *testing.T) {
	cases := used(t)
	methods := reflect.TypeFor[client.Client]()
	for i := range methods.NumMethod() {
		for _, kind := range []string{plainClient, failover, roundRobin} {
			if name := kind + "." + methods.Method(i).Name; !cases[name] {
				t.Errorf("no case uses %s", name)
			}
		}
	}
}

// Every command of ipfs-cluster-ctl, and every option of it, is used: they are read from its help.
func TestEveryCommandIsCovered(t *testing.T) {
	cases := used(t)
	for line := range strings.Lines(itest.Ctl(t, "commands")) {
		name := strings.TrimSpace(strings.TrimPrefix(line, "ipfs-cluster-ctl"))
		help := itest.Ctl(t, append(strings.Fields(name), "--help")...)
		if name == "help" || strings.Contains(help, "COMMANDS:") { // of a family
			continue
		}
		if !cases["ctl "+name] {
			t.Errorf("no case uses ctl %s", name)
		}
		for _, option := range regexp.MustCompile(`(?m)^   --([a-z-]+)`).FindAllStringSubmatch(help, -1) {
			if option[1] != "help" && !cases["ctl "+name+" --"+option[1]] {
				t.Errorf("no case uses --%s of ctl %s", option[1], name)
			}
		}
	}
}
