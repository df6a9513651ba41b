package itest

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// load keeps writing to a cluster, and remembers what was acknowledged so that it can be asked for later. Every CID is
// written by one writer, pinned once and unpinned at most once, so what was acknowledged does not depend on an order.
type load struct {
	t       testing.TB
	label   string // tells the content of one load from that of another
	began   time.Time
	quit    chan struct{}
	writers sync.WaitGroup

	mu       sync.Mutex
	want     map[string]bool // by CID: whether it is pinned
	added    []addition
	acks     []time.Duration // since began
	failures map[string][]error
}

// addition is an acknowledged add of a file.
type addition struct {
	cid     string
	peer    *Peer // that acknowledged it
	content []byte
}

// writer says how one client writes.
type writer struct {
	name  string  // no other writer of the load has it
	peers []*Peer // with several it does as a load balancer does: the next one answers for one that cannot
	adds  bool    // adds files too, instead of only pinning
	pace  time.Duration
}

// through returns a writer for each of the peers, that never turns to another one.
func through(peers []*Peer, adds bool, pace time.Duration) (writers []writer) {
	what := "pins"
	if adds {
		what = "pins and files"
	}
	for _, p := range peers {
		writers = append(writers, writer{what + " through " + p.Name, []*Peer{p}, adds, pace})
	}
	return writers
}

func startLoad(t testing.TB, label string, writers ...writer) *load {
	l := &load{
		t: t, label: label, began: time.Now(), quit: make(chan struct{}),
		want: make(map[string]bool), failures: make(map[string][]error),
	}
	for _, w := range writers {
		l.writers.Go(func() { l.write(w) })
	}
	t.Cleanup(l.stop)
	return l
}

// stop lets the writers finish what they are doing. It may be called twice.
func (l *load) stop() {
	select {
	case <-l.quit:
	default:
		close(l.quit)
	}
	l.writers.Wait()
}

func (l *load) write(w writer) {
	tick := time.NewTicker(w.pace)
	defer tick.Stop()
	var pinned []string // by this writer, and not unpinned yet
	for n := 0; ; n++ {
		<-tick.C
		select {
		case <-l.quit:
			return
		default:
		}
		label := fmt.Sprintf("%s, %s, %d", l.label, w.name, n)
		switch {
		case w.adds && n%3 == 2:
			l.add(w, n, label)
		case n%8 == 7 && len(pinned) > 0:
			l.unpin(w, n, pinned[0])
			pinned = pinned[1:]
		default:
			if cid := inlineCID(l.t, label); l.pin(w, n, cid) {
				pinned = append(pinned, cid)
			}
		}
	}
}

func (l *load) pin(w writer, n int, cid string) bool {
	if !l.attempt(w, n, func(p *Peer) error { _, err := p.Do(http.MethodPost, "/pins/"+cid+"?name=load"); return err }) {
		return false
	}
	l.expect(cid, true)
	return true
}

func (l *load) unpin(w writer, n int, cid string) {
	l.mu.Lock()
	delete(l.want, cid) // until the answer is known, both are right
	l.mu.Unlock()
	if l.attempt(w, n, func(p *Peer) error { _, err := p.Do(http.MethodDelete, "/pins/"+cid); return err }) {
		l.expect(cid, false)
	}
}

// add adds a file, every other time one of several blocks.
func (l *load) add(w writer, n int, label string) {
	content := []byte(label)
	if n%2 == 0 {
		content = bytes.Repeat(content, 600_000/len(content))
	}
	var a addition
	if !l.attempt(w, n, func(p *Peer) (err error) {
		a = addition{peer: p, content: content}
		a.cid, err = p.Add(content, "cid-version=1")
		return err
	}) {
		return
	}
	l.expect(a.cid, true)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.added = append(l.added, a)
}

func (l *load) expect(cid string, pinned bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.want[cid] = pinned
}

// attempt makes a request and notes how it went.
func (l *load) attempt(w writer, n int, request func(*Peer) error) bool {
	var err error
	for i := range w.peers {
		err = request(w.peers[(n+i)%len(w.peers)])
		if !elsewhere(err) {
			break
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.failures[w.name] = append(l.failures[w.name], fmt.Errorf("after %s: %w", time.Since(l.began).Round(time.Millisecond), err))
		return false
	}
	l.acks = append(l.acks, time.Since(l.began))
	return true
}

// elsewhere tells failures after which a load balancer may send even a write to another host.
func elsewhere(err error) bool {
	status, ok := errors.AsType[*StatusError](err)
	return errors.Is(err, syscall.ECONNREFUSED) || (ok && status.Code == http.StatusServiceUnavailable)
}

// mixed returns writers that keep every peer busy with pins and files, but no busier than it can be: pins are
// acknowledged faster than nodes carry them out, and adds wait for their turn behind them.
func mixed(peers []*Peer) []writer {
	return append(through(peers, true, 15*time.Millisecond), through(peers, false, 60*time.Millisecond)...)
}

// awaitAcks waits until n more writes are acknowledged, so many of them adds of files.
func (l *load) awaitAcks(n, files int) {
	l.t.Helper()
	count := func() (writes, added int) {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.acks), len(l.added)
	}
	writes, added := count()
	Eventually(l.t, time.Minute, func() error {
		if w, a := count(); w < writes+n || a < added+files {
			return fmt.Errorf("%d writes acknowledged, waiting for %d; %d files, waiting for %d; failures: %v",
				w, writes+n, a, added+files, l.failed())
		}
		return nil
	})
}

// failed returns the latest failure of every writer that had one.
func (l *load) failed() (latest []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(l.failures)) {
		errs := l.failures[name]
		latest = append(latest, fmt.Sprintf("%s: %d failures, the latest: %v", name, len(errs), errs[len(errs)-1]))
	}
	return latest
}

// longestGap returns the longest time between two acknowledged writes.
func (l *load) longestGap() (longest time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	slices.Sort(l.acks)
	for i := 1; i < len(l.acks); i++ {
		longest = max(longest, l.acks[i]-l.acks[i-1])
	}
	return longest
}

// acknowledged returns what is known by now.
func (l *load) acknowledged() (want map[string]bool, added []addition) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.want), slices.Clone(l.added)
}

// verify checks that each peer's pinset holds what was acknowledged before the call. The load may go on meanwhile.
func (l *load) verify(peers ...*Peer) {
	l.t.Helper()
	want, _ := l.acknowledged()
	for _, p := range peers {
		pins, err := p.Allocations()
		if err != nil {
			l.t.Errorf("pinset of %s: %v", p.Name, err)
			continue
		}
		var lost, back []string
		l.mu.Lock()
		for cid, pinned := range want {
			if still, sure := l.want[cid]; !sure || still != pinned {
				continue // changed while the pinset was read
			}
			switch has := pins[cid] != ""; {
			case pinned && !has:
				lost = append(lost, cid)
			case !pinned && has:
				back = append(back, cid)
			}
		}
		l.mu.Unlock()
		if len(lost)+len(back) > 0 {
			l.t.Errorf("%s has lost %d acknowledged pins of %d, and %d acknowledged unpins: %s",
				p.Name, len(lost), len(want), len(back), strings.Join(slices.Concat(lost, back), " "))
		}
	}
}

// verifyBlocks checks that the acknowledged files from number first on are whole on the peer that acknowledged them,
// without asking others. It returns how many files it knows.
func (l *load) verifyBlocks(first int) int {
	l.t.Helper()
	_, added := l.acknowledged()
	for _, a := range added[first:] {
		got, err := a.peer.RPC("cat", a.cid, "offline=true")
		if err != nil || got != string(a.content) {
			l.t.Errorf("%s acknowledged %s but has not all of it: %d bytes of %d, %v", a.peer.Name, a.cid, len(got), len(a.content), err)
		}
	}
	return len(added)
}

// handOver lets the cluster's own check at the end of the test know what must be there.
func (l *load) handOver(c *Cluster) {
	want, _ := l.acknowledged()
	for cid, pinned := range want {
		if pinned {
			c.Acked(cid)
		}
	}
}
