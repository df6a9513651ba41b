package cli

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// command runs the command line against a server, and returns what it prints and its exit code.
func command(t *testing.T, h http.HandlerFunc, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	server := httptest.NewServer(h)
	defer server.Close()
	var out, notes bytes.Buffer
	root := &cobra.Command{Use: "underlay", SilenceErrors: true, SilenceUsage: true}
	root.SetArgs(append([]string{"--api", server.URL}, args...))
	root.SetOut(&out)
	root.SetErr(&notes)
	Complete(root, Environment{
		Lookup: func(string) (string, bool) { return "", false }, Stdin: strings.NewReader(""), Stdout: &out, Stderr: &notes,
	})
	err := root.ExecuteContext(t.Context())
	if err != nil {
		fmt.Fprintln(&notes, err)
	}
	return out.String(), notes.String(), ExitCode(err)
}

// The status of an answer decides the exit code.
func TestExitCodes(t *testing.T) {
	for status, want := range map[int]int{
		400: 2, 401: 5, 403: 5, 404: 3, 409: 1, 410: 3, 413: 1, 429: 4, 500: 1, 502: 4, 503: 4, 504: 4, 507: 1,
	} {
		_, stderr, code := command(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			fmt.Fprintf(w, `{"code":%d,"message":"the reason"}`, status)
		}, "peers", "ls")
		if code != want || !strings.Contains(stderr, "the reason") {
			t.Errorf("status %d: exit code %d, %q, want %d", status, code, stderr, want)
		}
	}
}

// A list that breaks off is no success, whether the peer says so in its trailer or the connection ends.
func TestListThatBreaksOff(t *testing.T) {
	const pin = `{"cid":"bafkqab3jnzwgs3tfmq","name":"a","type":"pin"}` + "\n"
	stdout, stderr, code := command(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Trailer", "X-Stream-Error")
		fmt.Fprint(w, pin)
		w.Header().Set("X-Stream-Error", "the store is closed")
	}, "pin", "ls")
	if code != 1 || !strings.Contains(stdout, "bafkqab3jnzwgs3tfmq") || !strings.Contains(stderr, "the store is closed") {
		t.Errorf("trailer: exit code %d, %q, %q", code, stdout, stderr)
	}
	for name, sent := range map[string]string{"between lines": pin, "within a line": pin + pin[:20]} {
		_, stderr, code = command(t, func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, sent)
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, "pin", "ls")
		if code != 4 || !strings.Contains(stderr, "cut off") {
			t.Errorf("connection %s: exit code %d, %q", name, code, stderr)
		}
	}
	long := strings.Repeat("x", 200<<10) // longer than any buffer
	stdout, _, code = command(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"cid":"bafkqab3jnzwgs3tfmq","name":"%s","type":"pin"}`+"\n"+pin, long)
	}, "pin", "ls")
	if code != 0 || !strings.Contains(stdout, long+" ") || !strings.Contains(stdout, "  a  ") {
		t.Errorf("a long line: exit code %d, %d bytes", code, len(stdout))
	}
}

// Events go on behind the last one when the connection breaks, and say so; each is printed once.
func TestEventsGoOn(t *testing.T) {
	var asked []string
	stdout, stderr, code := command(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/events" {
			http.NotFound(w, r)
			return
		}
		asked = append(asked, r.URL.Query().Get("since"))
		n := len(asked)
		fmt.Fprintf(w, ": still here\n\nid: %[1]d\nevent: start\ndata: {\"id\":\"%[1]d\",\"type\":\"start\"}\n\n", n)
		fmt.Fprintf(w, "id: %[1]d-1\nevent: pinned\ndata: {\"id\":\"%[1]d-1\",\"type\":\"pinned\",\ndata: \"cid\":\"cid%[1]d\"}\n\n", n)
		fmt.Fprintf(w, "event: status\ndata: {\"type\":\"status\",\"cid\":\"cid%d\"}\n\n", n)
	}, "events", "--json", "--count=3")
	if got := strings.Join(asked, " "); got != " 1-1" {
		t.Errorf("asked since %q", got)
	}
	want := `{"id":"1","type":"start"}` + "\n" + `{"id":"1-1","type":"pinned","cid":"cid1"}` + "\n" +
		`{"type":"status","cid":"cid1"}` + "\n" + `{"id":"2-1","type":"pinned","cid":"cid2"}` + "\n"
	if code != 0 || stdout != want || !strings.Contains(stderr, "trying again") {
		t.Errorf("exit code %d, %q\n%swant\n%s", code, stderr, stdout, want)
	}
}

// Tokens are made with what is wanted, shown once, listed without their secret and revoked.
func TestTokens(t *testing.T) {
	var got []string
	server := func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = append(got, strings.TrimSpace(r.Method+" "+r.URL.RequestURI()+" "+string(body)))
		switch {
		case r.Method == http.MethodPost:
			w.WriteHeader(http.StatusCreated)
			fmt.Fprint(w, `{"id":"5f0c","name":"ci","scopes":["add","pin"],"created":"2026-03-01T12:00:00Z","created_by":"anybody","token":"ul_secret"}`)
		case r.Method == http.MethodDelete && r.URL.Query().Get("force") == "":
			w.WriteHeader(http.StatusConflict)
			fmt.Fprint(w, `{"code":409,"message":"it is the last one"}`)
		case r.Method == http.MethodDelete:
			w.WriteHeader(http.StatusNoContent)
		case strings.HasSuffix(r.URL.Path, "/self"):
			fmt.Fprint(w, `{"kind":"token","id":"5f0c","name":"ci","scopes":["add"]}`)
		default:
			fmt.Fprint(w, `[{"id":"5f0c","name":"ci","scopes":["add","pin"],"created":"2026-03-01T12:00:00Z","created_by":"user ann","expires":"2001-01-01T00:00:00Z"}]`)
		}
	}
	for _, test := range []struct {
		args         []string
		stdout, note string
		code         int
		request      string
	}{
		{[]string{"token", "create", "--scope=add,pin", "--expire-in=720h", "ci"}, "ul_secret\n", "5f0c", 0,
			`POST /access/tokens {"name":"ci","scopes":["add","pin"],"expire_in":"720h0m0s"}`},
		{[]string{"token", "create", "-q", "--scope=add", "ci"}, "ul_secret\n", "", 0, `POST /access/tokens {"name":"ci","scopes":["add"]}`},
		{[]string{"token", "ls", "-q"}, "5f0c\n", "", 0, "GET /access/tokens"},
		{[]string{"token", "rm", "5f0c"}, "", "--force", 1, "DELETE /access/tokens/5f0c"},
		{[]string{"token", "rm", "--force", "5f0c"}, "revoked 5f0c\n", "", 0, "DELETE /access/tokens/5f0c?force=true"},
		{[]string{"token", "self"}, "token 5f0c ci: add, expires never\n", "", 0, "GET /access/self"},
		{[]string{"token", "create", "ci"}, "", "--scope", 2, ""},
	} {
		got = nil
		stdout, stderr, code := command(t, server, test.args...)
		if stdout != test.stdout || !strings.Contains(stderr, test.note) || code != test.code || strings.Join(got, "") != test.request {
			t.Errorf("%v: exit code %d, %q, %q, sent %q", test.args, code, stdout, stderr, got)
		}
	}
	stdout, _, _ := command(t, server, "token", "ls")
	if !strings.Contains(stdout, "add,pin") || !strings.Contains(stdout, "user ann") || !strings.Contains(stdout, "now") {
		t.Errorf("token ls: %s", stdout)
	}
}

// Credentials travel in the header, and in the form that they have.
func TestCredentialsAreSent(t *testing.T) {
	for want, args := range map[string][]string{
		"":                   {"id"},
		"Bearer secret":      {"--token=secret", "id"},
		"Basic YW5uOnBhc3M=": {"--auth=ann:pass", "id"},
	} {
		_, _, code := command(t, func(w http.ResponseWriter, r *http.Request) {
			if got := r.Header.Get("Authorization"); got != want {
				t.Errorf("%v sends %q", args, got)
			}
			fmt.Fprint(w, `{"id":"12D3KooWDnV7ea57jTZNwqZbURL9cD1oPJLjU6E9fGP3knstknEK","addresses":[],"ipfs":{}}`)
		}, args...)
		if code != 0 {
			t.Errorf("%v: exit code %d", args, code)
		}
	}
}
