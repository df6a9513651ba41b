package itest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// plainKubo is a plain kubo daemon of a user, beside the cluster.
type plainKubo struct {
	t    *testing.T
	repo string
}

// startPlainKubo starts a daemon that knows nobody, on loopback, until the test ends.
func startPlainKubo(t *testing.T) *plainKubo {
	t.Helper()
	k := &plainKubo{t: t, repo: filepath.Join(t.TempDir(), "ipfs")}
	k.run("init", "--profile", "autoconf-off,test")
	for _, setting := range [][]string{
		{"Routing.Type", `"none"`}, {"HTTPRetrieval", `{"Enabled":false}`}, {"AutoTLS", `{"Enabled":false}`},
		{"Addresses.Swarm", `["/ip4/127.0.0.1/tcp/0"]`},
	} {
		k.run("config", "--json", setting[0], setting[1])
	}
	daemon := k.command("daemon")
	log, err := os.Create(filepath.Join(t.TempDir(), "kubo.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	daemon.Stdout, daemon.Stderr = log, log
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = daemon.Process.Signal(syscall.SIGTERM) // fails when it is gone
		_ = daemon.Wait()                          // by that signal
	})
	Eventually(t, time.Minute, func() error {
		_, err := os.Stat(filepath.Join(k.repo, "api")) // a client before that would take the daemon's repository
		return err
	})
	return k
}

func (k *plainKubo) command(args ...string) *exec.Cmd {
	cmd := exec.Command(Kubo(k.t), args...)
	cmd.Env = append(os.Environ(), "IPFS_PATH="+k.repo, "IPFS_TELEMETRY=off")
	return cmd
}

func (k *plainKubo) run(args ...string) string {
	k.t.Helper()
	out, err := k.command(args...).CombinedOutput()
	if err != nil {
		k.t.Fatalf("ipfs %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// A user of plain kubo pins what only his node has: the cluster is a remote pinning service to him, on either port, and
// behind a balancer.
func TestPinRemoteOfKubo(t *testing.T) {
	c := Start(t)
	b, k := c.Balance(), startPlainKubo(t)
	file := filepath.Join(t.TempDir(), "file")
	for n, endpoint := range []string{b.PSA, b.API + "/psa"} {
		service, name := fmt.Sprint("cluster", n), fmt.Sprintf("my file %d", n)
		if err := os.WriteFile(file, slices.Repeat([]byte(name), 100_000), 0o600); err != nil {
			t.Fatal(err)
		}
		k.run("pin", "remote", "service", "add", service, endpoint, "no-token-needed")
		if out := k.run("pin", "remote", "service", "ls", "--stat"); !strings.Contains(out, endpoint+" 0/0/0/0") {
			t.Errorf("service ls prints %q", out)
		}
		content := k.run("add", "-Q", file)
		if out := k.run("pin", "remote", "add", "--service", service, "--name", name, content); !strings.Contains(out, "pinned") {
			t.Errorf("add prints %q", out)
		}
		for _, p := range c.Peers {
			if err := p.PinnedEverywhere(content, len(c.Peers)); err != nil {
				t.Error(err)
			}
		}
		want := content + "\tpinned\t" + name
		if out := k.run("pin", "remote", "ls", "--service", service, "--name", name); out != want {
			t.Errorf("ls prints %q, want %q", out, want)
		}
		if out := k.run("pin", "remote", "ls", "--service", service, "--cid", content, "--status", "queued,failed"); out != "" {
			t.Errorf("ls of what is not pinned prints %q", out)
		}
		k.run("pin", "remote", "rm", "--service", service, "--name", name)
		if out := k.run("pin", "remote", "ls", "--service", service, "--status", "queued,pinning,pinned,failed"); out != "" {
			t.Errorf("after rm ls prints %q", out)
		}
		for _, p := range c.Peers {
			if _, err := p.Allocation(content); err == nil {
				t.Errorf("%s is still pinned on %s", content, p.Name)
			}
		}
		k.run("pin", "remote", "service", "rm", service)
	}
}

// Kubo's client pages through more requests than it asks for at a time.
func TestKuboListsAllPages(t *testing.T) {
	const total = 45
	c := Start(t)
	k := startPlainKubo(t)
	var want []string
	for n := range total {
		name := fmt.Sprintf("request %d", n)
		if _, err := c.Peers[n%len(c.Peers)].AskToPin(InlineCid(name), name); err != nil {
			t.Fatal(err)
		}
		want = append(want, InlineCid(name)+"\tpinned\t"+name)
	}
	k.run("pin", "remote", "service", "add", "cluster", c.Peers[0].PSA, "no-token-needed")
	Eventually(t, 30*time.Second, func() error {
		got := strings.Split(k.run("pin", "remote", "ls", "--service", "cluster"), "\n")
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			return fmt.Errorf("listed %d of %d", len(got), len(want))
		}
		return nil
	})
}

// Requests and pins of other APIs for the same content leave each other alone, through whichever peers they come.
func TestRequestsBesidePins(t *testing.T) {
	c := Start(t)
	added, err := c.Peers[0].Add([]byte("pinned by both"), "cid-version=1")
	if err != nil {
		t.Fatal(err)
	}
	made, err := c.Peers[1].AskToPin(added, "ours")
	if err != nil {
		t.Fatal(err)
	}
	status := func(p *Peer, want string) {
		t.Helper()
		Eventually(t, 30*time.Second, func() error {
			got, err := p.PinRequest(made.RequestID)
			if err == nil && got.Status != want {
				err = fmt.Errorf("it is %s: %v", got.Status, got.Info)
			}
			return err
		})
	}
	status(c.Peers[2], "pinned")
	if _, err := c.Peers[2].RPC("pin/rm", added); err != nil {
		t.Fatal(err)
	}
	status(c.Peers[0], "failed")
	if list, err := c.Peers[1].PinRequests("status=failed"); err != nil || list.Count != 1 {
		t.Errorf("failed are %+v, %v", list, err)
	}
	if _, err := c.Peers[0].RPC("pin/add", added); err != nil {
		t.Fatal(err)
	}
	status(c.Peers[1], "pinned")
	if err := c.Peers[2].EndRequest(made.RequestID); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Peers[1].Allocation(added); err != nil {
		t.Errorf("the pin of another API went with the request: %v", err)
	}
	if _, err := c.Peers[0].PinRequest(made.RequestID); !isStatus(err, 404) {
		t.Errorf("a request that has ended: %v", err)
	}
}

// Many make and end requests for the same content through all peers at once: whoever has a request has the pin, on every
// peer, and when all have ended nothing is left.
func TestManyRequestsForOneCid(t *testing.T) {
	const each, rounds = 3, 8
	c := Start(t)
	contents := []string{InlineCid("one of two"), InlineCid("two of two")}
	began := time.Now()
	defer func() { t.Logf("%d requests came and went in %s", each*rounds*len(c.Peers), time.Since(began)) }()
	var g errgroup.Group
	for n := range each * len(c.Peers) {
		p, q, content := c.Peers[n%len(c.Peers)], c.Peers[(n+1)%len(c.Peers)], contents[n%len(contents)]
		g.Go(func() error {
			for range rounds {
				made, err := p.AskToPin(content, "")
				if err != nil {
					return err
				}
				if _, err := q.Allocation(content); err != nil {
					return fmt.Errorf("%s is requested and not pinned: %w", content, err)
				}
				if err := q.EndRequest(made.RequestID); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	for _, p := range c.Peers {
		if list, err := p.PinRequests(anyStatus); err != nil || list.Count != 0 {
			t.Errorf("on %s there are %+v, %v", p.Name, list, err)
		}
		for _, content := range contents {
			if _, err := p.Allocation(content); !isStatus(err, 404) {
				t.Errorf("%s is pinned on %s after the last request: %v", content, p.Name, err)
			}
		}
	}
}

// A request never rests on a pin that another peer was told is gone.
func TestRequestRightAfterUnpin(t *testing.T) {
	c := Start(t)
	content := InlineCid("pinned and unpinned")
	for n := range 30 {
		p, q, r := c.Peers[n%3], c.Peers[(n+1)%3], c.Peers[(n+2)%3]
		if _, err := p.Do("POST", "/pins/"+content); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Allocation(content); err != nil { // r has applied the pin
			t.Fatal(err)
		}
		if _, err := q.Do("DELETE", "/pins/"+content); err != nil {
			t.Fatal(err)
		}
		made, err := r.AskToPin(content, "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Allocation(content); err != nil {
			t.Fatalf("round %d: requested and not pinned: %v", n, err)
		}
		if err := q.EndRequest(made.RequestID); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Allocation(content); !isStatus(err, 404) {
			t.Fatalf("round %d: pinned after the request: %v", n, err)
		}
	}
}

func isStatus(err error, code int) bool {
	status, ok := errors.AsType[*StatusError](err)
	return ok && status.Code == code
}

// Requests that were acknowledged are there when the leader is killed in the midst of them, and when all peers are.
func TestRequestsSurvive(t *testing.T) {
	c := Start(t)
	leader := c.leader()
	acked := c.askThroughKill(leader)
	t.Logf("%d requests were acknowledged", len(acked))
	c.checkRequests(acked, c.others(leader)...)

	c.Restart(leader)
	c.AwaitReady(leader)
	c.KillAll(c.Peers...)
	for _, p := range c.Peers {
		c.Restart(p)
	}
	c.AwaitReady(c.Peers...)
	c.checkRequests(acked, c.Peers...)
	for id := range acked {
		if err := c.Peers[0].EndRequest(id); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range c.Peers {
		for id := range acked {
			if _, err := p.PinRequest(id); !isStatus(err, 404) {
				t.Fatalf("request %s on %s after its end: %v", id, p.Name, err)
			}
		}
	}
}

// askThroughKill makes requests with many clients through all peers and kills one of these meanwhile. It returns the CIDs
// of the requests that were acknowledged, by their identifiers.
func (c *Cluster) askThroughKill(victim *Peer) map[string]string {
	c.t.Helper()
	const clients, before, after = 8, 50, 25
	var mu sync.Mutex
	acked := make(map[string]string)
	killed := make(chan struct{})
	var wg sync.WaitGroup
	for client := range clients {
		p := c.Peers[client%len(c.Peers)]
		wg.Go(func() {
			for n, left := 0, after; left > 0; n++ {
				name := fmt.Sprintf("client %d request %d", client, n)
				if made, err := p.AskToPin(InlineCid(name), name); err == nil {
					mu.Lock()
					acked[made.RequestID] = InlineCid(name)
					mu.Unlock()
				}
				select {
				case <-killed: // some more, also if they fail
					left--
				default:
				}
			}
		})
	}
	Eventually(c.t, 30*time.Second, func() error {
		mu.Lock()
		defer mu.Unlock()
		if len(acked) < before {
			return fmt.Errorf("%d requests so far", len(acked))
		}
		return nil
	})
	c.Kill(victim)
	close(killed)
	wg.Wait()
	return acked
}

// checkRequests fails the test unless every peer has all the requests, and their pins.
func (c *Cluster) checkRequests(acked map[string]string, peers ...*Peer) {
	c.t.Helper()
	for _, p := range peers {
		Eventually(c.t, time.Minute, func() error {
			pins, err := p.Allocations()
			if err != nil {
				return err
			}
			for id, cid := range acked {
				if got, err := p.PinRequest(id); err != nil || got.Pin.Cid != cid || got.Status != "pinned" {
					return fmt.Errorf("request %s on %s is %+v, %w", id, p.Name, got, err)
				}
				if pins[cid] == "" {
					return fmt.Errorf("%s is not pinned on %s", cid, p.Name)
				}
			}
			return nil
		})
	}
}
