package itest

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Target is a peer of its own that is attacked, with a good client that goes on asking for a file. All attackers are
// counted as clients, the good one is not.
type Target struct {
	*Peer
	good string // URL of the file

	t          testing.TB
	goroutines int // before anything
	resident   int // MiB, likewise
	calm       time.Duration
}

// StartTarget runs a peer with further settings until the test ends.
func StartTarget(t testing.TB, flags ...string) *Target {
	t.Helper()
	dir := t.TempDir()
	base := FreePorts(t)
	at := func(offset int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(base+offset)) }
	log, err := os.Create(filepath.Join(dir, "underlay.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(Underlay(t), append([]string{
		"daemon", "--name", "target", "--data-dir", filepath.Join(dir, "data"), "--public-network=false",
		"--gateway-listen", at(80), "--api-listen", at(95), "--api-rest-listen", at(94), "--psa-listen", at(97), "--cluster-listen", at(96),
		"--ipfs", `Addresses.Swarm=["/ip4/127.0.0.1/tcp/` + strconv.Itoa(base+1) + `"]`, "--gateway-unlimited-clients", "127.0.0.1",
	}, flags...)...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+filepath.Join(dir, "run"))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // fails when it is gone
		if err := cmd.Wait(); err != nil || t.Failed() {
			raw, _ := os.ReadFile(log.Name())
			t.Errorf("the peer ended with %v:\n%s", err, raw[max(0, len(raw)-6000):])
		}
	})
	x := &Target{t: t, Peer: &Peer{Name: "target", PID: cmd.Process.Pid, dir: dir, http: newClient(), running: true,
		Gateway: "http://" + at(80), API: "http://" + at(95), REST: "http://" + at(94), PSA: "http://" + at(97)}}
	Eventually(t, time.Minute, func() error { return health(x.Peer) })
	file, err := x.Add(bytes.Repeat([]byte("what the good client wants. "), 2000), "")
	if err != nil {
		t.Fatal(err)
	}
	x.good = x.Gateway + "/ipfs/" + file
	return x
}

// measure notes how things are before an attack. The kernel forgets the peak of memory so far.
func (x *Target) measure() {
	x.t.Helper()
	x.ask(scaled(100, 1000)) // warms up
	x.calm = x.ask(scaled(200, 2000))
	x.goroutines, x.resident = x.stacks(), x.memory("VmRSS")
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", x.PID), []byte("5"), 0); err != nil {
		x.t.Fatal(err)
	}
}

// ask sends the good client's requests, one after the other, and returns how long 99 of 100 took at most. All must
// succeed.
func (x *Target) ask(n int) time.Duration {
	x.t.Helper()
	var took []time.Duration
	for range n {
		began := time.Now()
		res, err := x.http.Get(x.good)
		if err == nil {
			_, err = readAnswer(res)
		}
		if err != nil {
			x.t.Fatalf("the good client, after %s: %v", time.Since(began), err)
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	return took[len(took)*99/100]
}

// Withstand runs the attack while the good client asks, and then checks what it has cost. attack returns when ctx ends, and
// calls ready when it is in full swing.
func (x *Target) Withstand(extraMiB int, attack func(ctx context.Context, ready func()) error) {
	x.t.Helper()
	x.measure()
	ctx, stop := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		defer close(ended)
		ended <- attack(ctx, sync.OnceFunc(func() { close(ready) }))
	}()
	defer func() { stop(); <-ended }() // also when the good client has failed
	var failure error
	select {
	case <-ready:
		p99 := x.ask(scaled(200, 2000))
		ratio := float64(p99) / float64(x.calm)
		x.t.Logf("p99 of the good client: %s, before the attack %s: %.1f times", p99, x.calm, ratio)
		if faultMode() && ratio > 2 {
			x.t.Errorf("the good client's p99 is %.1f times what it was", ratio)
		}
		stop()
		failure = <-ended
	case failure = <-ended:
		stop()
		failure = errors.Join(errors.New("the attack ended before it was in full swing"), failure)
	case <-time.After(2 * time.Minute):
		stop()
		failure = errors.Join(errors.New("the attack does not get into full swing"), <-ended)
	}
	if failure != nil {
		x.t.Fatal(failure)
	}
	peak := x.memory("VmHWM")
	x.t.Logf("resident: %d MiB before, %d at most", x.resident, peak)
	if peak > x.resident+extraMiB {
		x.t.Errorf("the peer took %d MiB more than before, %d are allowed", peak-x.resident, extraMiB)
	}
	x.http.CloseIdleConnections()
	Eventually(x.t, time.Minute, func() error {
		if now := x.stacks(); now > x.goroutines+20 {
			return fmt.Errorf("%d goroutines, %d before the attack", now, x.goroutines)
		}
		return nil
	})
}

// memory reads a figure of the process in MiB.
func (x *Target) memory(field string) int {
	x.t.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", x.PID))
	if err != nil {
		x.t.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		if rest, ok := strings.CutPrefix(line, field+":"); ok {
			kib, err := strconv.Atoi(strings.Fields(rest)[0])
			if err != nil {
				x.t.Fatal(err)
			}
			return kib >> 10
		}
	}
	x.t.Fatalf("no %s", field)
	return 0
}

// stacks counts the goroutines of the process.
func (x *Target) stacks() int {
	x.t.Helper()
	answer, err := x.RPC("diag/profile", "profile-time=0", "collectors=goroutines-stack")
	if err != nil {
		x.t.Fatal(err)
	}
	archive, err := zip.NewReader(strings.NewReader(answer), int64(len(answer)))
	if err != nil {
		x.t.Fatal(err)
	}
	for _, f := range archive.File {
		if !strings.Contains(f.Name, "goroutines") {
			continue
		}
		r, err := f.Open()
		if err != nil {
			x.t.Fatal(err)
		}
		defer r.Close()
		raw, err := io.ReadAll(r)
		if err != nil {
			x.t.Fatal(err)
		}
		return strings.Count(string(raw), "\ngoroutine ") + 1
	}
	x.t.Fatal("no goroutines in the profile")
	return 0
}

// attacker is an address of loopback from which requests come.
type attacker struct {
	dialer net.Dialer
	http   *http.Client
}

// newAttacker returns the nth attacker, whose address differs from those of the others.
func newAttacker(n int) *attacker {
	a := &attacker{dialer: net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 1, byte(n>>8), byte(n))}, Timeout: 10 * time.Second}}
	a.http = &http.Client{Transport: &http.Transport{DialContext: a.dialer.DialContext, MaxIdleConnsPerHost: 64}, Timeout: time.Minute}
	return a
}

// crowd has attackers do something again and again until ctx ends, several times each at once. Each has its number.
func crowd(ctx context.Context, attackers, each int, do func(ctx context.Context, a *attacker, n int)) {
	var all sync.WaitGroup
	for n := range attackers {
		a := newAttacker(n)
		for i := range each {
			all.Go(func() {
				for round := 0; ctx.Err() == nil; round++ {
					do(ctx, a, (round*each+i)*attackers+n)
				}
			})
		}
		defer a.http.CloseIdleConnections()
	}
	all.Wait()
}

// rest waits, as a client does that was told to come again or sends so many requests a second.
func rest(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// fetch asks for a URL, reads at most the given number of bytes of the answer, and returns its status; 0: there was none.
func (a *attacker) fetch(ctx context.Context, url string, most int64) int {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0
	}
	res, err := a.http.Do(req)
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	_, _ = io.CopyN(io.Discard, res.Body, most) // how it ends is no matter
	return res.StatusCode
}

// tally counts what attackers got.
type tally struct {
	mu   sync.Mutex
	seen map[int]int
	n    int
}

// add counts a status and returns how many there were.
func (c *tally) add(status int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seen == nil {
		c.seen = make(map[int]int)
	}
	c.seen[status]++
	c.n++
	return c.n
}
