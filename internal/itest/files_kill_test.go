package itest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// gone stands for a file that is not there.
const gone = ""

// filesClient does one operation after the other on names of its own, and notes what each name may hold.
type filesClient struct {
	run    *filesRun
	number int
	random *rand.Rand
	files  map[string][]string  // what each name may hold: one content, or several after a failure
	moves  map[string][2]string // moves of unknown outcome, by the content that was moved
}

// filesRun is many clients at work while leaders die.
type filesRun struct {
	t     *testing.T
	c     *Cluster
	kills atomic.Int32
	over  func(done int) bool

	mu            sync.Mutex
	created       map[string]int             // shared directories: how many clients were told that they made it
	unsure        map[string]bool            // and those of which somebody was told nothing
	shared        map[string]map[string]bool // contents that somebody tried to write to shared files
	acked, failed int
}

// Clients change the files through all peers while leaders die: every acknowledged change is in the final tree, nothing is
// there that nobody did, of those who make the same directory one succeeds, and all peers show the same.
func TestFilesWhileLeadersDie(t *testing.T) {
	c := Start(t)
	clients, operations, kills := scaled(12, 100), scaled(25, 100), int32(scaled(2, 10))
	run := &filesRun{t: t, c: c, created: make(map[string]int), unsure: make(map[string]bool), shared: make(map[string]map[string]bool)}
	run.over = func(done int) bool { return t.Failed() || done >= operations && run.kills.Load() >= kills }
	s := seed(t)
	var all sync.WaitGroup
	people := make([]*filesClient, clients)
	for i := range people {
		people[i] = &filesClient{run, i, rand.New(rand.NewPCG(s, uint64(i))), make(map[string][]string), make(map[string][2]string)}
		all.Go(people[i].work)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); all.Wait() }()
	run.killLeaders(ended, time.Duration(scaled(1000, 5000))*time.Millisecond)
	<-ended
	c.AwaitReady(c.Peers...)
	t.Logf("%d changes acknowledged, %d failed, %d leaders killed", run.acked, run.failed, run.kills.Load())
	Eventually(t, time.Minute, c.checkFilesHeld)
	for _, p := range c.Peers {
		run.check(p, people)
	}
}

// killLeaders kills whoever leads, and starts it again, until the clients have ended.
func (r *filesRun) killLeaders(ended <-chan struct{}, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ended:
			return
		case <-tick.C:
		}
		leader := r.c.leader()
		r.c.Kill(leader)
		r.c.Restart(leader)
		r.c.AwaitReady(leader)
		r.kills.Add(1)
	}
}

func (f *filesClient) work() {
	for n := 0; !f.run.over(n); n++ {
		switch f.random.IntN(10) {
		case 0:
			f.makeShared()
		case 1:
			f.writeShared(n)
		case 2:
			f.remove()
		case 3, 4:
			f.move(n)
		default:
			f.write(n)
		}
	}
}

func (f *filesClient) name() string {
	return fmt.Sprintf("/own/%d/%d", f.number, f.random.IntN(8))
}

// try sends an operation through peers until one takes it, and tells what its client has learned: done, or unknown, or
// absent when kubo has refused it for the given reason.
func (f *filesClient) try(refusal string, do func(*Peer) error) outcome {
	for attempt := f.random.IntN(3); ; attempt++ {
		err := do(f.run.c.Peers[attempt%3])
		if refusal != "" && refusedFile(err, refusal) {
			return absent
		}
		if refusedFile(err, "") {
			f.run.t.Errorf("client %d: %v", f.number, err)
			return unknown
		}
		learned, err := learn(err)
		if err != nil {
			f.run.t.Errorf("client %d: %v", f.number, err)
		}
		if learned == unsent {
			continue
		}
		f.run.count(learned == done)
		return learned
	}
}

func (r *filesRun) count(acked bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if acked {
		r.acked++
	} else {
		r.failed++
	}
}

func (f *filesClient) write(n int) {
	name, content := f.name(), fmt.Sprintf("%d-%d", f.number, n)
	switch f.try("", func(p *Peer) error { return p.WriteFile(name, []byte(content)) }) {
	case done:
		f.files[name] = []string{content}
		f.read(name)
	default:
		f.files[name] = append(f.may(name), content)
	}
}

func (f *filesClient) may(name string) []string {
	if held, ok := f.files[name]; ok {
		return slices.Clone(held)
	}
	return []string{gone}
}

// read wants, through any peer, what the name may hold.
func (f *filesClient) read(name string) {
	p := f.run.c.Peers[f.random.IntN(3)]
	got, err := p.ReadFile(name)
	if refusedFile(err, "file does not exist") {
		got, err = gone, nil
	}
	if err == nil && !slices.Contains(f.may(name), got) {
		f.run.t.Errorf("client %d reads %q from %s through %s, which may hold %q", f.number, got, name, p.Name, f.may(name))
	}
}

func (f *filesClient) remove() {
	name := f.name()
	learned := f.try("file does not exist", func(p *Peer) error { _, err := p.RPC("files/rm", name); return err })
	held := f.may(name)
	switch {
	case learned == unknown:
		f.files[name] = append(held, gone)
		return
	case learned == done && slices.Equal(held, []string{gone}):
		f.run.t.Errorf("client %d has removed %s, which was not there", f.number, name)
	case learned == absent && !slices.Contains(held, gone):
		f.run.t.Errorf("client %d finds %s gone, which holds %q", f.number, name, held)
	}
	f.files[name] = []string{gone}
}

// move gives a file of which it is known what it holds a name that was never used.
func (f *filesClient) move(n int) {
	name, to := f.name(), fmt.Sprintf("/own/%d/moved-%d", f.number, n)
	held := f.may(name)
	if len(held) != 1 || held[0] == gone {
		return
	}
	switch f.try("", func(p *Peer) error { _, err := p.RPC("files/mv", name, to); return err }) {
	case done:
		f.files[to], f.files[name] = held, []string{gone}
		f.read(to)
		f.read(name)
	default:
		f.files[to], f.files[name] = []string{held[0], gone}, []string{held[0], gone}
		f.moves[held[0]] = [2]string{name, to}
	}
}

func (f *filesClient) makeShared() {
	name := fmt.Sprintf("/shared-%d", f.random.IntN(40))
	learned := f.try("file already exists", func(p *Peer) error { _, err := p.RPC("files/mkdir", name); return err })
	f.run.mu.Lock()
	defer f.run.mu.Unlock()
	switch learned {
	case done:
		f.run.created[name]++
	case unknown:
		f.run.unsure[name] = true
	}
}

func (f *filesClient) writeShared(n int) {
	name, content := fmt.Sprintf("/both/%d", f.random.IntN(5)), fmt.Sprintf("%d-%d-shared", f.number, n)
	f.run.mu.Lock()
	if f.run.shared[name] == nil {
		f.run.shared[name] = make(map[string]bool)
	}
	f.run.shared[name][content] = true
	f.run.mu.Unlock()
	f.try("", func(p *Peer) error { return p.WriteFile(name, []byte(content)) })
}

// check compares the tree that a peer shows with what the clients know.
func (r *filesRun) check(p *Peer, people []*filesClient) {
	r.t.Helper()
	for _, f := range people {
		now := make(map[string]string)
		for _, name := range slices.Sorted(maps.Keys(f.files)) {
			got, err := p.ReadFile(name)
			if refusedFile(err, "file does not exist") {
				got, err = gone, nil
			}
			if err != nil || !slices.Contains(f.files[name], got) {
				r.t.Errorf("%s shows %q in %s, which may hold %q: %v", p.Name, got, name, f.files[name], err)
			}
			now[name] = got
		}
		for content, move := range f.moves {
			if now[move[0]] == content && now[move[1]] == content {
				r.t.Errorf("%s shows both halves of the move of %s to %s", p.Name, move[0], move[1])
			}
		}
	}
	for name, n := range r.created {
		if n > 1 {
			r.t.Errorf("%d clients were told that they have made %s", n, name)
		}
		if _, err := p.RPC("files/stat", name); n == 1 && err != nil {
			r.t.Errorf("%s does not show %s: %v", p.Name, name, err)
		}
	}
	for name, tried := range r.shared {
		got, err := p.ReadFile(name)
		if err != nil && !refusedFile(err, "file does not exist") || err == nil && !tried[got] {
			r.t.Errorf("%s shows %q in %s, which nobody wrote: %v", p.Name, got, name, err)
		}
	}
	list, err := p.RPC("files/ls", "/")
	if err != nil {
		r.t.Error(err)
	}
	for i := range 40 {
		name := fmt.Sprintf("/shared-%d", i)
		if strings.Contains(list, fmt.Sprintf("%q", name[1:])) && r.created[name] == 0 && !r.unsure[name] {
			r.t.Errorf("%s shows %s, which nobody has made", p.Name, name)
		}
	}
}
