package itest

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Scripts tell by the exit code what happened; what went wrong is on standard error, and nothing of it in the result.
func TestCommandLineExitCodes(t *testing.T) {
	c := Start(t)
	u := c.shell()
	closed := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("WWW-Authenticate", "Basic")
		http.Error(w, `{"code":401,"message":"who are you?"}`, http.StatusUnauthorized)
	}))
	t.Cleanup(closed.Close)
	for _, test := range []struct {
		name string
		args []string
		code int
		text string // on standard error
	}{
		{"done", []string{"pin", "ls"}, 0, ""},
		{"failed", []string{"restore", "/dev/null"}, 1, "backup"},
		{"unknown command", []string{"stauts"}, 2, `but "status"`},
		{"unknown command of a family", []string{"pin", "lst"}, 2, "underlay pin --help"},
		{"unknown flag", []string{"status", "--colour"}, 2, "--colour"},
		{"missing argument", []string{"pin", "rm"}, 2, "underlay pin rm --help"},
		{"bad CID", []string{"pin", "add", "nonsense"}, 2, `"nonsense"`},
		{"bad status", []string{"pin", "ls", "--status=nonsense"}, 2, `"nonsense"`},
		{"what the peer calls a bad request", []string{"pin", "add", "--replication-min=3", "--replication-max=2", idCID}, 2, "replication-min"},
		{"bad address", []string{"--api", "ftp://127.0.0.1", "id"}, 2, "--api"},
		{"two credentials", []string{"--token=a", "--auth=b:c", "id"}, 2, "choose one"},
		{"recover of IPFS Cluster", []string{"recover", idCID}, 2, "underlay pin recover " + idCID},
		{"no such file", []string{"add", "/nonexistent"}, 2, "/nonexistent"},
		{"not pinned", []string{"pin", "rm", idCID}, 3, "not part of the pinset"},
		{"status of what is not pinned", []string{"status", idCID}, 3, "not pinned"},
		{"recover of what is not pinned", []string{"pin", "recover", idCID}, 3, "not pinned"},
		{"no such peer", []string{"peers", "rm", "nobody"}, 3, `"nobody"`},
		{"nobody there", []string{"--api", "127.0.0.1:1", "status"}, 4, "127.0.0.1:1"},
		{"no answer in time", []string{"--timeout=1ns", "status"}, 4, "1ns"},
		{"not authorized", []string{"--api", closed.URL, "pin", "ls"}, 5, "UNDERLAY_TOKEN"},
	} {
		t.Run(test.name, func(t *testing.T) {
			out := u.run("", test.args...)
			if out.code != test.code || !strings.Contains(out.stderr, test.text) {
				t.Errorf("exit code %d, %q, want %d and %q", out.code, out.stderr, test.code, test.text)
			}
			if test.code != 0 && (out.stdout != "" || !strings.HasPrefix(out.stderr, "underlay: ")) {
				t.Errorf("a failure prints %q and %q", out.stdout, out.stderr)
			}
		})
	}
}

// A peer that has lost the others says so by its exit code, and shows what it knows nevertheless.
func TestCommandLineWithoutQuorum(t *testing.T) {
	t.Parallel() // it waits most of the time
	c := Start(t)
	u := c.shell()
	alone := c.Peers[1]
	c.Pause(c.Peers[0])
	c.Pause(c.Peers[2])
	u.env = append(u.env, "UNDERLAY_API="+alone.API)
	Eventually(t, 30*time.Second, func() error {
		if out := u.run("", "health"); out.code != 4 || out.stderr == "" {
			return errStillReady
		}
		return nil
	})
	if out := u.run("", "health", "--json"); out.code != 4 || !strings.Contains(out.stdout, `"healthy":false,"reason":"`) {
		t.Errorf("health: %+v", out)
	}
	if out := u.run("", "pin", "add", idCID); out.code != 4 {
		t.Errorf("pin add: %+v", out)
	}
	c.Resume(c.Peers[0])
	c.Resume(c.Peers[2])
	c.AwaitReady(c.Peers...)
}

// The command line finds a peer of its user, a second one when the first has been killed, and says which it took when there
// are several clusters.
func TestCommandLineFindsPeers(t *testing.T) {
	c := Start(t)
	u := c.shell()
	apiOf := func(u *commandLine, args ...string) string {
		t.Helper()
		var o struct{ API string }
		if err := json.Unmarshal([]byte(u.must(append([]string{"status", "--json"}, args...)...)), &o); err != nil {
			t.Fatal(err)
		}
		return o.API
	}
	if out := u.run("", "id"); out.code != 0 || out.stderr != "" {
		t.Errorf("three peers of one cluster are no choice: %+v", out)
	}
	if got := apiOf(u); got != c.Peers[0].API {
		t.Errorf("asked %s, not the first peer", got)
	}
	c.Kill(c.Peers[0])
	if got := apiOf(u); got != c.Peers[1].API {
		t.Errorf("asked %s after the first peer was killed", got)
	}
	if got := apiOf(u, "--api", strings.TrimPrefix(c.Peers[2].API, "http://")); got != c.Peers[2].API {
		t.Errorf("asked %s and not the peer that was named", got)
	}

	second := u.second(t)
	out := u.run("", "id")
	if out.code != 0 || !strings.Contains(out.stderr, second) || !strings.Contains(out.stderr, "--api") {
		t.Errorf("of two clusters: %+v", out)
	}
	if out := u.run("", "id", "--quiet"); out.stderr != "" {
		t.Errorf("--quiet: %+v", out)
	}

	if conn, err := net.Dial("tcp", localAddr(9095)); err == nil {
		conn.Close()
		t.Skip("something listens where a peer would by default")
	}
	if out := newUser(t).run("", "pin", "ls"); out.code != 4 || !strings.Contains(out.stderr, "underlay dev") {
		t.Errorf("where no peer runs: %+v", out)
	}
}

// second runs a peer that is a cluster of its own, for the same user, and returns its API.
func (u *commandLine) second(t *testing.T) string {
	t.Helper()
	base := FreePorts(t)
	c := &Cluster{t: t}
	p := &Peer{Name: "zz-alone", dir: t.TempDir(), http: newClient()}
	p.API, p.REST = localURL(base+95), localURL(base+94)
	cmd := exec.Command(u.exe, "daemon", "--name", p.Name, "--data-dir", filepath.Join(p.dir, "data"), "--public-network=false",
		"--gateway-listen", localAddr(base+80), "--api-listen", localAddr(base+95), "--api-rest-listen", localAddr(base+94),
		"--cluster-listen", localAddr(base+96), "--ipfs", `Addresses.Swarm=["/ip4/127.0.0.1/tcp/0"]`)
	cmd.Env = u.env
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait() // how it ends does not matter
	})
	c.AwaitReady(p)
	return p.API
}
