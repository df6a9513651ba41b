package itest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

const (
	linearClients = 12
	linearCIDs    = 40
	// linearPause is a client's average pause between requests. It makes the load last while a peer restarts.
	linearPause = 80 * time.Millisecond
	// linearPatience bounds the search for a linearization of one history.
	linearPatience = 2 * time.Minute
)

// The model itself: a checker that accepts everything would prove nothing.
func TestLinearModel(t *testing.T) {
	const c = "a CID"
	pin := func(name string) linearInput { return linearInput{linearPin, c, name} }
	unpin, read := linearInput{linearUnpin, c, ""}, linearInput{linearRead, c, ""}
	type step struct {
		in             linearInput
		out            linearOutput
		call, returned int64
	}
	for _, test := range []struct {
		name  string
		steps []step
		want  bool
	}{
		{"read what was pinned", []step{{pin("a"), linearOutput{}, 0, 1}, {read, linearOutput{name: "a"}, 2, 3}}, true},
		{"lost write", []step{{pin("a"), linearOutput{}, 0, 1}, {read, linearOutput{outcome: absent}, 2, 3}}, false},
		{"stale read", []step{{pin("a"), linearOutput{}, 0, 1}, {pin("b"), linearOutput{}, 2, 3}, {read, linearOutput{name: "a"}, 4, 5}}, false},
		{"concurrent", []step{{pin("a"), linearOutput{}, 0, 9}, {read, linearOutput{outcome: absent}, 1, 2}, {read, linearOutput{name: "a"}, 3, 4}}, true},
		{"read goes back", []step{{pin("a"), linearOutput{}, 0, 9}, {read, linearOutput{name: "a"}, 1, 2}, {read, linearOutput{outcome: absent}, 3, 4}}, false},
		{"unknown pin seen", []step{{pin("a"), linearOutput{outcome: unknown}, 0, 1}, {read, linearOutput{name: "a"}, 8, 9}}, true},
		{"unknown pin not seen", []step{{pin("a"), linearOutput{outcome: unknown}, 0, 1}, {read, linearOutput{outcome: absent}, 8, 9}}, true},
		{"unknown pin applied twice", []step{
			{pin("a"), linearOutput{outcome: unknown}, 0, 1}, {read, linearOutput{name: "a"}, 2, 3},
			{unpin, linearOutput{}, 4, 5}, {read, linearOutput{name: "a"}, 6, 7},
		}, false},
		{"unpin of nothing", []step{{unpin, linearOutput{}, 0, 1}}, false},
		{"two unpins succeed", []step{{pin("a"), linearOutput{}, 0, 1}, {unpin, linearOutput{}, 2, 5}, {unpin, linearOutput{}, 2, 5}}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			var history []porcupine.Operation
			for i, s := range test.steps {
				if op, tells := linearOperation(i, s.in, s.out, s.call, s.returned); tells {
					history = append(history, op)
				}
			}
			if got := porcupine.CheckOperations(linearModel(), history); got != test.want {
				t.Errorf("linearizable: %t, want %t", got, test.want)
			}
		})
	}
}

// Clients on all peers pin, unpin and read the same few CIDs while the leader dies or freezes again and again: what they
// see is what one machine that never fails could have shown them.
func TestLinearizableWhileLeadersDie(t *testing.T) {
	epochs, faults, operations := scaled(1, 20), scaled(4, 12), scaled(1500, 6000)
	seed := seed(t)
	c := Start(t)
	gaps := make(map[string][]time.Duration)
	for epoch := range epochs {
		run := newLinearRun(t, c, seed, epoch)
		run.play(c, faults, operations, gaps)
		run.check(c)
		if t.Failed() {
			break
		}
	}
	for fault, g := range gaps {
		slices.Sort(g)
		t.Logf("%d leaders %s; longest time without an acknowledged write: p50 %s, max %s",
			len(g), fault, g[len(g)/2].Round(time.Millisecond), g[len(g)-1].Round(time.Millisecond))
	}
}

// linearRun is one history: clients that work on CIDs of their own run, so that histories stay short enough to check.
type linearRun struct {
	t     *testing.T
	peers []*Peer
	cids  []string
	seed  uint64
	epoch int
	began time.Time // the one clock

	grants chan struct{} // a token for each request that clients may make
	storm  atomic.Bool   // while set, clients do not pause, so that a kill meets many requests in progress
	used   atomic.Int64  // requests made
	unsure atomic.Int64  // those with an unknown outcome

	mu      sync.Mutex
	history []porcupine.Operation
	acks    []time.Duration // when writes were acknowledged
}

func newLinearRun(t *testing.T, c *Cluster, seed uint64, epoch int) *linearRun {
	r := &linearRun{t: t, peers: c.Peers, seed: seed, epoch: epoch, began: time.Now()}
	for i := range linearCIDs {
		r.cids = append(r.cids, absentCID(t, fmt.Sprintf("%d/%d/%d", seed, epoch, i)))
	}
	return r
}

// play lets the clients make their requests, a part of them around each fault, and adds to gaps how long the faults kept
// writes from being acknowledged.
func (r *linearRun) play(c *Cluster, faults, operations int, gaps map[string][]time.Duration) {
	r.grants = make(chan struct{}, operations)
	ctx, cancel := context.WithCancel(r.t.Context())
	var clients sync.WaitGroup
	for i := range linearClients {
		clients.Go(func() { r.client(ctx, i) })
	}
	defer clients.Wait()
	defer cancel()

	random := rand.New(rand.NewPCG(r.seed, uint64(r.epoch)))
	each := operations / (faults + 1)
	for k := 1; k <= faults; k++ {
		r.grant(each)
		calm := (k-1)*each + each/8 + random.IntN(each/8)
		r.awaitUsed(int64(calm))
		leader := c.leader()
		r.storm.Store(true)
		r.awaitUsed(int64(calm + each/4))
		began := time.Since(r.began)
		fault := "killed"
		if k%4 == 0 {
			fault = "frozen"
			r.freeze(c, leader)
		} else {
			c.Kill(leader)
			c.Restart(leader)
		}
		r.storm.Store(false)
		c.AwaitReady(c.Peers...)
		ready := time.Since(r.began)
		r.awaitUsed(int64(k * each))
		gaps[fault] = append(gaps[fault], r.gap(began, ready))
	}
	r.grant(operations - faults*each)
	r.awaitUsed(int64(operations))
}

// freeze stops the clock of the leader until the others have another one, and have written through it. Reads wait at the
// old leader meanwhile: the first thing it does when it goes on is to answer them, and it does not know yet that it
// leads no more.
func (r *linearRun) freeze(c *Cluster, leader *Peer) {
	c.Pause(leader)
	successor := c.leader()
	var reads sync.WaitGroup
	for i, cid := range r.cids {
		client := linearClients + i
		name := fmt.Sprintf("c%d-%d", client, time.Since(r.began))
		r.request(client, successor, linearInput{linearPin, cid, name})
		reads.Go(func() { r.request(client, leader, linearInput{kind: linearRead, cid: cid}) })
	}
	c.Resume(leader)
	reads.Wait()
}

func (r *linearRun) grant(n int) {
	for range n {
		r.grants <- struct{}{}
	}
}

func (r *linearRun) awaitUsed(n int64) {
	r.t.Helper()
	Eventually(r.t, 2*time.Minute, func() error {
		if used := r.used.Load(); used < n {
			return fmt.Errorf("%d requests made, waiting for %d", used, n)
		}
		return nil
	})
}

// gap returns the longest time between two acknowledged writes around a fault.
func (r *linearRun) gap(began, ready time.Duration) (longest time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	slices.Sort(r.acks)
	for i := 1; i < len(r.acks); i++ {
		if before, after := r.acks[i-1], r.acks[i]; after > began && before < ready {
			longest = max(longest, after-before)
		}
	}
	return longest
}

// client makes requests, as chosen by the seed, for as long as it is granted some.
func (r *linearRun) client(ctx context.Context, number int) {
	random := rand.New(rand.NewPCG(r.seed, uint64(r.epoch+1)<<32|uint64(number)))
	pause := time.NewTimer(0)
	defer pause.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-pause.C:
		}
		select {
		case <-ctx.Done():
			return
		case <-r.grants:
		}
		in := linearInput{cid: r.cids[random.IntN(len(r.cids))]}
		switch d := random.IntN(100); {
		case d < 40:
			in.kind, in.name = linearPin, fmt.Sprintf("c%d-%d", number, n)
		case d < 65:
			in.kind = linearUnpin
		default:
			in.kind = linearRead
		}
		for first := random.IntN(len(r.peers)); !r.request(number, r.peers[first%len(r.peers)], in); first++ {
			if ctx.Err() != nil {
				return
			}
		}
		r.used.Add(1)
		wait := time.Duration(random.Int64N(int64(2 * linearPause)))
		if r.storm.Load() {
			wait = 0
		}
		pause.Reset(wait)
	}
}

// request makes one request and records it. It reports false when the peer does not run.
func (r *linearRun) request(client int, p *Peer, in linearInput) bool {
	called := time.Since(r.began)
	out, err := ask(p, in)
	returned := time.Since(r.began)
	if err != nil {
		r.t.Errorf("%s of %s through %s: %v", in.kind, in.cid, p.Name, err)
	}
	if out.outcome == unknown {
		r.unsure.Add(1)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if op, tells := linearOperation(client, in, out, called.Nanoseconds(), returned.Nanoseconds()); tells {
		r.history = append(r.history, op)
	}
	if in.kind != linearRead && out.outcome == done {
		r.acks = append(r.acks, returned)
	}
	return out.outcome != unsent
}

func ask(p *Peer, in linearInput) (out linearOutput, err error) {
	switch in.kind {
	case linearPin:
		_, err = p.Do("POST", "/pins/"+in.cid+"?name="+in.name)
	case linearUnpin:
		_, err = p.Do("DELETE", "/pins/"+in.cid)
	default:
		pin, readErr := p.Allocation(in.cid)
		out.name, err = pin.Name, readErr
	}
	out.outcome, err = learn(err)
	return out, err
}

// check reads every CID once more on every peer, and looks for an order of all requests that explains all answers.
func (r *linearRun) check(c *Cluster) {
	r.t.Helper()
	for _, cid := range r.cids {
		for i, p := range c.Peers {
			r.request(linearClients+i, p, linearInput{kind: linearRead, cid: cid})
		}
	}
	began := time.Now()
	verdict := porcupine.CheckOperationsTimeout(linearModel(), r.history, linearPatience)
	r.t.Logf("epoch %d: %d requests, %d recorded, %d of unknown outcome; history checked in %s: %s",
		r.epoch, r.used.Load(), len(r.history), r.unsure.Load(), time.Since(began).Round(time.Millisecond), verdict)
	if verdict == porcupine.Ok {
		return
	}
	r.t.Errorf("the history is not linearizable (%s); seed %d", verdict, r.seed)
	dir, err := os.MkdirTemp("", "underlay-linear-") // outlives the test
	if err != nil {
		r.t.Fatal(err)
	}
	_, info := porcupine.CheckOperationsVerbose(linearModel(), r.history, linearPatience)
	if err := porcupine.VisualizePath(linearModel(), info, dir+"/history.html"); err != nil {
		r.t.Error(err)
	}
	r.t.Logf("open %s/history.html in a browser", dir)
}
