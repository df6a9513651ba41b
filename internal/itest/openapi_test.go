package itest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
)

// example is a request that the description of the API must fit.
type example struct {
	operation string
	method    string
	url       string
	body      string
	status    int
}

// The answers of a real cluster are as docs/openapi.yaml says, for every operation in it.
func TestOpenAPI(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromFile("../../docs/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	c := Start(t)
	p := c.Peers[0]
	pins := fmt.Sprintf(`{"cid":%q,"name":"one","metadata":{"k":"v"}}`+"\n"+`{"op":"unpin","cid":%q}`+"\nno JSON\n",
		inlineCID(t, "described"), inlineCID(t, "not pinned"))
	backup, err := p.Do(http.MethodGet, "/backup")
	if err != nil {
		t.Fatal(err)
	}
	show := func(e example) {
		t.Helper()
		path, operation := operationOf(doc, e.operation)
		fixed, _, _ := strings.Cut(path, "{")
		if operation == nil || !strings.HasPrefix(e.url, fixed) || doc.Paths.Find(path).GetOperation(e.method) != operation {
			t.Errorf("%s %s is not operation %s", e.method, e.url, e.operation)
			return
		}
		if err := p.fits(e, operation); err != nil {
			t.Errorf("%s %s: %v", e.method, e.url, err)
		}
		operation.Extensions = map[string]any{"shown": true}
	}
	for _, e := range []example{
		{"bulk", http.MethodPost, "/pins", pins, 200},
		{"bulk", http.MethodPost, "/pins", "", 204},
		{"status", http.MethodGet, "/pins", "", 200},
		{"status", http.MethodGet, "/pins?name-prefix=o&meta-k=v&limit=1&consistency=stale", "", 200},
		{"status", http.MethodGet, "/pins?name-prefix=two", "", 204},
		{"status", http.MethodGet, "/pins?limit=0", "", 400},
		{"allocations", http.MethodGet, "/allocations", "", 200},
		{"allocations", http.MethodGet, "/allocations?name-prefix=two&limit=5", "", 204},
		{"allocations", http.MethodGet, "/allocations?after=nonsense", "", 400},
		{"rebalance", http.MethodPost, "/pins/rebalance?dry-run=true", "", 204},
		{"rebalance", http.MethodPost, "/pins/rebalance?dry-run=perhaps", "", 400},
		{"events", http.MethodGet, "/events", "", 200},
		{"events", http.MethodGet, "/events?since=x", "", 400},
		{"deny", http.MethodPost, "/deny", `{"rule":"/ipns/example.org","status":451,"reason":"a test"}`, 201},
		{"deny", http.MethodPost, "/deny", `{"rule":"nothing"}`, 400},
		{"denied", http.MethodGet, "/deny", "", 200},
		{"allow", http.MethodDelete, "/deny?rule=/ipns/example.org", "", 204},
		{"allow", http.MethodDelete, "/deny?rule=/ipns/example.org", "", 404},
		{"allow", http.MethodDelete, "/deny", "", 400},
		{"backup", http.MethodGet, "/backup", "", 200},
		{"restore", http.MethodPost, "/restore", string(backup), 409},
		{"restore", http.MethodPost, "/restore?force=true", string(backup), 200},
		{"restore", http.MethodPost, "/restore", "no backup", 400},
		{"consensus", http.MethodGet, "/health/consensus", "", 200},
		{"alive", http.MethodGet, "/healthz", "", 200},
		{"ready", http.MethodGet, "/readyz", "", 200},
	} {
		show(e)
	}
	for _, e := range accessExamples(t, c) {
		show(e)
	}
	allShown(t, doc)
}

// allShown checks that every operation had an example.
func allShown(t *testing.T, doc *openapi3.T) {
	t.Helper()
	for path, item := range doc.Paths.Map() {
		for method, operation := range item.Operations() {
			if operation.Extensions["shown"] == nil {
				t.Errorf("no example of %s %s", method, path)
			}
		}
	}
}

// accessExamples closes the cluster and returns requests of the API of credentials.
func accessExamples(t *testing.T, c *Cluster) []example {
	t.Helper()
	_, admin, err := c.Peers[0].MakeToken("me", `"admin"`)
	if err != nil {
		t.Fatal(err)
	}
	c.As(admin)
	id, _ := c.Peers[0].makeLimited(t, `"max_pins": 3, "expire_in": "1h"`)
	const user, password = `{"name": "ann", "password": "correct horse", "scopes": ["pin"], "max_bytes": 5}`, `{"password": "short"}`
	return []example{
		{"self", http.MethodGet, "/access/self", "", 200},
		{"makeToken", http.MethodPost, "/access/tokens", `{"name": "ci", "scopes": ["read"], "max_pins": 1, "max_bytes": 1}`, 201},
		{"makeToken", http.MethodPost, "/access/tokens", `{"name": "ci", "scopes": ["read"], "max_pins": 0}`, 400},
		{"tokens", http.MethodGet, "/access/tokens", "", 200},
		{"token", http.MethodGet, "/access/tokens/" + id, "", 200},
		{"token", http.MethodGet, "/access/tokens/none", "", 404},
		{"changeToken", http.MethodPut, "/access/tokens/" + id, `{"max_pins": null, "max_bytes": 7, "expires": null}`, 200},
		{"changeToken", http.MethodPut, "/access/tokens/none", `{}`, 404},
		{"changeToken", http.MethodPut, "/access/tokens/" + id, `{"max_pins": "many"}`, 400},
		{"revokeToken", http.MethodDelete, "/access/tokens/" + id, "", 204},
		{"revokeToken", http.MethodDelete, "/access/tokens/" + id, "", 404},
		{"makeUser", http.MethodPost, "/access/users", user, 201},
		{"makeUser", http.MethodPost, "/access/users", `{"name": "bob"}`, 400},
		{"users", http.MethodGet, "/access/users", "", 200},
		{"user", http.MethodGet, "/access/users/ann", "", 200},
		{"changeUser", http.MethodPut, "/access/users/ann", `{"scopes": ["read"], "max_bytes": null}`, 200},
		{"changeUser", http.MethodPut, "/access/users/ann", password, 400},
		{"revokeUser", http.MethodDelete, "/access/users/ann", "", 204},
		{"revokeUser", http.MethodDelete, "/access/users/ann", "", 404},
	}
}

func operationOf(doc *openapi3.T, id string) (string, *openapi3.Operation) {
	for path, item := range doc.Paths.Map() {
		for _, operation := range item.Operations() {
			if operation.OperationID == id {
				return path, operation
			}
		}
	}
	return "", nil
}

// fits makes the request, and compares the answer with the description.
func (p *Peer) fits(e example, operation *openapi3.Operation) error {
	req, err := http.NewRequest(e.method, p.REST+e.url, strings.NewReader(e.body))
	if err != nil {
		return err
	}
	resp, err := p.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	described := operation.Responses.Status(e.status)
	if resp.StatusCode != e.status || described == nil {
		return fmt.Errorf("status %d, want %d, described: %v", resp.StatusCode, e.status, described != nil)
	}
	if e.status == http.StatusNoContent {
		return nil
	}
	kind, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";")
	media := described.Value.Content.Get(kind)
	if media == nil {
		return fmt.Errorf("an answer of type %q is not described", kind)
	}
	if kind == "text/plain" {
		return nil
	}
	lines, err := firstLines(resp.Body, kind)
	if err != nil {
		return err
	}
	for _, line := range lines {
		var value any
		if err := json.Unmarshal(line, &value); err != nil {
			return fmt.Errorf("%q: %w", line, err)
		}
		if err := media.Schema.Value.VisitJSON(value); err != nil {
			return fmt.Errorf("%q: %w", line, err)
		}
	}
	return nil
}

// firstLines returns the JSON objects of an answer; of a stream of events, which does not end, the first one.
func firstLines(body io.Reader, kind string) ([][]byte, error) {
	if kind != "text/event-stream" {
		all, err := io.ReadAll(body)
		return bytes.Split(bytes.TrimSpace(all), []byte("\n")), err
	}
	found := make(chan []byte, 1)
	go func() {
		defer close(found)
		var seen []byte
		for buf := make([]byte, 1024); ; {
			n, err := body.Read(buf)
			seen = append(seen, buf[:n]...)
			if _, data, ok := bytes.Cut(seen, []byte("data: ")); ok {
				if line, _, whole := bytes.Cut(data, []byte("\n")); whole {
					found <- line
					return
				}
			}
			if err != nil {
				return
			}
		}
	}()
	select {
	case line := <-found:
		return [][]byte{line}, nil
	case <-time.After(time.Minute):
		return nil, fmt.Errorf("no event in a minute")
	}
}
