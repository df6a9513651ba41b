package cli

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Users and quotas are sent as they are wanted; what is wrong sends nothing.
func TestUsersAndQuotas(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("correct horse\nmore\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var got []string
	server := func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = append(got, strings.TrimSpace(r.Method+" "+r.URL.RequestURI()+" "+string(body)))
		switch {
		case r.Method == http.MethodDelete:
			w.WriteHeader(http.StatusNoContent)
		case r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/self"):
			fmt.Fprint(w, `{"kind":"user","name":"ann","scopes":["add"],"max_pins":3,"used":{"pins":1,"bytes":2048}}`)
		case r.Method == http.MethodGet:
			fmt.Fprint(w, `[{"name":"ann","scopes":["pin"],"created":"2026-03-01T12:00:00Z","created_by":"settings","max_bytes":4096,"used":{"pins":7,"bytes":2048}},
				{"name":"bob","scopes":["pin"],"created":"2026-03-01T12:00:00Z","created_by":"settings"}]`)
		default:
			fmt.Fprint(w, `{"name":"ann","scopes":["pin"],"created":"2026-03-01T12:00:00Z","created_by":"settings"}`)
		}
	}
	for _, test := range []struct {
		args         string
		stdout, note string
		code         int
		request      string
	}{
		{"user add --scope=pin --max-pins=3 --max-bytes=4KiB --password-file=" + secret + " ann", "added ann\n", "", 0,
			`POST /access/users {"name":"ann","password":"correct horse","scopes":["pin"],"max_pins":3,"max_bytes":4096}`},
		{"user add --scope=pin ann", "", "standard input is empty", 2, ""},
		{"user add ann", "", "--scope", 2, ""},
		{"user add --scope=pin --max-pins=0 ann", "", "--max-pins", 2, ""},
		{"user add --scope=pin --max-bytes=12XB ann", "", "--max-bytes", 2, ""},
		{"user passwd --password-file=" + secret + " ann", "changed ann\n", "", 0, `PUT /access/users/ann {"password":"correct horse"}`},
		{"user passwd --password-file=" + secret + ".absent ann", "", "--password-file", 2, ""},
		{"user update --max-pins=none --max-bytes=1.5MB --no-expiry ann", "changed ann\n", "", 0,
			`PUT /access/users/ann {"expires":null,"max_bytes":1500000,"max_pins":null}`},
		{"user update --expire-in=1h --no-expiry ann", "", "exclude", 2, ""},
		{"user update ann", "", "say what changes", 2, ""},
		{"user ls -q", "ann\nbob\n", "", 0, "GET /access/users"},
		{"user rm --force ann", "revoked ann\n", "", 0, "DELETE /access/users/ann?force=true"},
		{"user rm --json ann", `{"name":"ann","revoked":true}` + "\n", "", 0, "DELETE /access/users/ann"},
		{"token update --scope=add,pin --expire-in=1h 5f0c", "changed 5f0c\n", "", 0, `PUT /access/tokens/5f0c {"expire_in":"1h0m0s","scopes":["add","pin"]}`},
		{"token update --scope=everything 5f0c", "", "everything", 2, ""},
		{"token self", "user ann: add, expires never\nkeeps pins: 1 of 3, bytes: 2.0 KiB\n", "", 0, "GET /access/self"},
	} {
		got = nil
		stdout, stderr, code := command(t, server, strings.Fields(test.args)...)
		if stdout != test.stdout || !strings.Contains(stderr, test.note) || code != test.code || strings.Join(got, "") != test.request {
			t.Errorf("%s: exit code %d, %q, %q, sent %q", test.args, code, stdout, stderr, got)
		}
	}
	stdout, _, _ := command(t, server, "user", "ls")
	if lines := strings.Split(stdout, "\n"); !strings.Contains(lines[1], "7  ") || !strings.Contains(lines[1], "2.0 KiB of 4.0 KiB") || !strings.Contains(lines[2], "never    -     -") {
		t.Errorf("user ls: %s", stdout)
	}
	if names, _, _ := command(t, server, "__complete", "user", "rm", ""); !strings.Contains(names, "ann") || !strings.Contains(names, "bob") {
		t.Errorf("completed are %s", names)
	}
}

func TestSizesOfQuotas(t *testing.T) {
	for text, want := range map[string]uint64{
		"1": 1, "1000000": 1000000, "500MiB": 500 << 20, "2TB": 2e12, "1.5k": 1500, "3 GiB": 3 << 30, "7B": 7, "1PiB": 1 << 50, "4Mi": 0,
		"": 0, "0": 0, "-1": 0, "MB": 0, "1XB": 0, "10iB": 0, "NaN": 0, "1e30": 0, "1kk": 0, "0.5": 0, "1 M B": 0,
	} {
		got, err := parseBytes(text)
		if got != want || (err == nil) != (want > 0) {
			t.Errorf("%q: %d, %v, want %d", text, got, err, want)
		}
	}
}
