package itest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// Cluster is a cluster of real processes, started by `underlay dev`.
type Cluster struct {
	Dir   string
	Peers []*Peer
	// Startup is the time from starting the command to all peers ready.
	Startup time.Duration

	t      testing.TB
	dev    *exec.Cmd     // nil: the test starts every peer by itself
	reaped chan struct{} // closed when the dev process is gone
	acked  map[string]bool
	closed bool
}

// Peer is one process of a cluster.
type Peer struct {
	Name    string `json:"name"`
	ID      string `json:"id"`
	PID     int    `json:"pid"`
	Gateway string `json:"gateway"`
	API     string `json:"api"`
	REST    string `json:"rest"`
	PSA     string `json:"psa"`

	dir     string
	env     []string // beside that of the test, from its next start on
	http    *http.Client
	running bool
	paused  bool
	again   *exec.Cmd // set when the test has restarted it
}

// Start runs a dev cluster in a temporary directory until the test ends. args are further arguments of `underlay dev`.
func Start(t testing.TB, args ...string) *Cluster {
	t.Helper()
	c := &Cluster{t: t, Dir: t.TempDir(), acked: make(map[string]bool), reaped: make(chan struct{})}
	if i := slices.Index(args, "--dir"); i >= 0 {
		c.Dir = args[i+1]
	}
	args = append([]string{"dev", "--dir", c.Dir, "--base-port", strconv.Itoa(FreePorts(t))}, args...)
	c.dev = exec.Command(Underlay(t), args...)
	log, err := os.Create(filepath.Join(c.Dir, "dev.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	c.dev.Stdout, c.dev.Stderr = log, log
	c.dev.Env = append(os.Environ(), c.runtimeDir())
	began := time.Now()
	if err := c.dev.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(c.reaped)
		_ = c.dev.Wait() // its output tells what went wrong
	}()
	t.Cleanup(c.close)
	c.readClusterFile()
	c.Startup = time.Since(began)
	return c
}

// runtimeDir is a variable of the environment: where the peers tell the command line of their user where they are.
func (c *Cluster) runtimeDir() string { return "XDG_RUNTIME_DIR=" + filepath.Join(c.Dir, "run") }

// readClusterFile waits for cluster.json, which appears when all peers are ready.
func (c *Cluster) readClusterFile() {
	c.t.Helper()
	path := filepath.Join(c.Dir, "cluster.json")
	Eventually(c.t, 2*time.Minute, func() error {
		select {
		case <-c.reaped:
			log, _ := os.ReadFile(filepath.Join(c.Dir, "dev.log"))
			c.t.Fatalf("underlay dev ended: %s", log)
		default:
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var file struct{ Peers []*Peer }
		if err := json.Unmarshal(raw, &file); err != nil {
			return err
		}
		c.Peers = file.Peers
		return nil
	})
	for _, p := range c.Peers {
		p.dir, p.http, p.running = filepath.Join(c.Dir, p.Name), newClient(), true
	}
}

// Kill ends a peer's process with SIGKILL and waits until it is gone.
func (c *Cluster) Kill(p *Peer) {
	c.t.Helper()
	c.signal(p, syscall.SIGKILL)
	c.awaitExit(p)
}

// KillAll ends the processes of several peers with SIGKILL at the same moment and waits until they are gone. One that
// has ended by itself, because a test broke its disk, is fine too.
func (c *Cluster) KillAll(peers ...*Peer) {
	c.t.Helper()
	for _, p := range peers {
		if err := syscall.Kill(p.PID, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			c.t.Fatalf("kill %s: %v", p.Name, err)
		}
		p.running = false
	}
	for _, p := range peers {
		c.awaitExit(p)
	}
}

// Stop ends a peer's process in an orderly way and waits until it is gone.
func (c *Cluster) Stop(p *Peer) {
	c.t.Helper()
	c.signal(p, syscall.SIGTERM)
	c.awaitExit(p)
}

// Pause freezes a peer's process: its connections stay open and nobody answers.
func (c *Cluster) Pause(p *Peer) {
	c.t.Helper()
	c.signal(p, syscall.SIGSTOP)
	p.paused = true
}

// Resume lets a paused peer go on as if no time had passed.
func (c *Cluster) Resume(p *Peer) {
	c.t.Helper()
	c.signal(p, syscall.SIGCONT)
	p.running, p.paused = true, false
}

func (c *Cluster) signal(p *Peer, sig syscall.Signal) {
	c.t.Helper()
	if err := syscall.Kill(p.PID, sig); err != nil {
		c.t.Fatalf("signal %s: %v", p.Name, err)
	}
	p.running = false
}

// awaitExit waits until the process is reaped by whoever started it.
func (c *Cluster) awaitExit(p *Peer) {
	c.t.Helper()
	if p.again != nil {
		_ = p.again.Wait() // killed: its state does not matter
		p.again, p.paused = nil, false
		return
	}
	Eventually(c.t, 20*time.Second, func() error {
		if err := syscall.Kill(p.PID, 0); !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("%s (process %d) is still there", p.Name, p.PID)
		}
		return nil
	})
	p.paused = false
}

// AwaitEnd waits until a peer's process has ended by itself, as that of a removed member does.
func (c *Cluster) AwaitEnd(p *Peer) {
	c.t.Helper()
	c.awaitExit(p)
	p.running = false
}

// Restart starts a peer again that was killed or stopped, as the user is told to. It does not wait.
func (c *Cluster) Restart(p *Peer) {
	c.t.Helper()
	log, err := os.OpenFile(filepath.Join(p.dir, "underlay.log"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		c.t.Fatal(err)
	}
	defer log.Close()
	p.again = exec.Command(Underlay(c.t), "daemon", "--config", filepath.Join(p.dir, "underlay.yaml"))
	p.again.Stdout, p.again.Stderr = log, log
	p.again.Env = append(append(os.Environ(), c.runtimeDir()), p.env...)
	if err := p.again.Start(); err != nil {
		c.t.Fatal(err)
	}
	p.PID, p.running = p.again.Process.Pid, true
}

// AwaitReady waits until every given peer says that it is in the cluster.
func (c *Cluster) AwaitReady(peers ...*Peer) {
	c.t.Helper()
	for _, p := range peers {
		Eventually(c.t, time.Minute, func() error { return health(p) })
	}
}

func health(p *Peer) error {
	resp, err := p.http.Get(p.REST + "/health")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		return fmt.Errorf("health of %s: %s", p.Name, resp.Status)
	}
	return nil
}

// close checks the invariants and stops every process that the test started. It may be called twice.
func (c *Cluster) close() {
	if c.closed {
		return
	}
	c.closed = true
	if !c.t.Failed() {
		c.checkInvariants()
	}
	for _, p := range c.Peers {
		if p.paused { // or it would not hear that it shall stop
			c.Resume(p)
		}
		if p.again != nil {
			c.Stop(p)
		}
	}
	if c.dev != nil {
		_ = c.dev.Process.Signal(syscall.SIGTERM) // fails when it is gone
		<-c.reaped
	}
	if c.t.Failed() {
		c.showLogs()
	}
}

// showLogs puts the end of every peer's log into the output of a failed test.
func (c *Cluster) showLogs() {
	const most = 6000
	for _, p := range c.Peers {
		raw, _ := os.ReadFile(filepath.Join(p.dir, "underlay.log"))
		c.t.Logf("log of %s:\n%s", p.Name, raw[max(0, len(raw)-most):])
	}
}

// Eventually polls until f succeeds; the test ends with f's last error when that takes longer than limit.
func Eventually(t testing.TB, limit time.Duration, f func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := f()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("after %s: %v", limit, err)
		case <-tick.C:
		}
	}
}
