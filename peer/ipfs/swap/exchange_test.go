package swap

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"github.com/ipfs/boxo/exchange"
	"github.com/libp2p/go-libp2p/core/network"
)

func TestBlocksComeFromWhicheverMemberHasThem(t *testing.T) {
	nodes := newCluster(t, 3)
	list := makeBlocks(300, 2000)
	nodes[1].put(t, list[:150]...)
	nodes[2].put(t, list[100:]...)
	session := nodes[0].NewSession(t.Context())
	for _, fetcher := range []exchange.Fetcher{nodes[0], session} {
		found, err := fetcher.GetBlocks(t.Context(), cidsOf(list))
		if err != nil {
			t.Fatal(err)
		}
		got := make(map[string]bool)
		for block := range found {
			if here, err := nodes[0].store.Has(t.Context(), block.Cid()); err != nil || !here {
				t.Errorf("block %s is handed out and not stored: %v", block.Cid(), err)
			}
			got[block.Cid().KeyString()] = true
		}
		if len(got) != len(list) {
			t.Errorf("%d blocks of %d", len(got), len(list))
		}
	}
	if n := nodes[0].wider.count(); n > 0 {
		t.Errorf("the wider network was asked %d times", n)
	}
}

func TestWhatNoMemberHasComesFromTheWiderNetwork(t *testing.T) {
	nodes := newCluster(t, 3)
	list := makeBlocks(200, 100)
	nodes[1].put(t, list[:50]...)
	nodes[0].wider.add(list[50:]...)
	found, err := nodes[0].GetBlocks(t.Context(), cidsOf(list))
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for range found {
		count++
	}
	if count != len(list) || nodes[0].wider.count() != 150 {
		t.Errorf("%d blocks of %d, the wider network was asked for %d", count, len(list), nodes[0].wider.count())
	}
	if _, took, err := nodes[0].get(t, list[199].Cid()); err != nil || took >= patience {
		t.Errorf("one that no member has took %s, %v", took, err)
	}
}

func TestStrangersAreNotServed(t *testing.T) {
	server, stranger := newNode(t), newNode(t)
	connect(t, stranger.host, server.host)
	stranger.Admit(server.host.ID()) // that does not make it a member for the other
	block := makeBlocks(1, 10)[0]
	server.put(t, block)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := stranger.GetBlock(ctx, block.Cid()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a stranger gets the block: %v", err)
	}
	server.Admit(stranger.host.ID())
	stranger.Admit(server.host.ID()) // forget the failure
	if _, _, err := stranger.get(t, block.Cid()); err != nil {
		t.Errorf("a member does not get the block: %v", err)
	}
	server.Expel(stranger.host.ID())
	other := makeBlocks(2, 10)[1]
	server.put(t, other)
	ctx, cancel = context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := stranger.GetBlock(ctx, other.Cid()); !errors.Is(err, context.DeadlineExceeded) || server.Admitted(stranger.host.ID()) {
		t.Errorf("what is no member any more gets the block: %v", err)
	}
}

// A member that answers wrongly is not believed, and not asked again for a while.
func TestWrongAnswers(t *testing.T) {
	answers := map[string][]byte{
		"other content":    append([]byte{answerBlock, 0, 0, 0, 5}, "wrong"...),
		"too large":        binary.BigEndian.AppendUint32([]byte{answerBlock}, MaxBlock+1),
		"nonsense":         {99},
		"more than wanted": {answerAbsent, answerAbsent},
	}
	for name, raw := range answers {
		t.Run(name, func(t *testing.T) {
			n := newFake(t, func(s network.Stream) {
				in := bufio.NewReader(s)
				for {
					if _, err := readRequest(in); err != nil {
						return
					}
					_, _ = s.Write(raw)
				}
			})
			list := makeBlocks(2, 10)
			n.wider.add(list...)
			for _, want := range list {
				got, took, err := n.get(t, want.Cid())
				if err != nil || string(got.RawData()) != string(want.RawData()) {
					t.Fatalf("got %v, %v", got, err)
				}
				if took > 2*patience {
					t.Errorf("it took %s", took)
				}
			}
		})
	}
}

// A connection that is cut in the middle of a block costs only the way to the wider network.
func TestCutInTheMiddle(t *testing.T) {
	n := newFake(t, func(s network.Stream) {
		if _, err := readRequest(bufio.NewReader(s)); err != nil {
			return
		}
		_, _ = s.Write([]byte{answerBlock, 0, 0, 1, 0, 'c', 'u', 't'})
		_ = s.Reset()
	})
	list := makeBlocks(40, 256)
	n.wider.add(list...)
	found, err := n.GetBlocks(t.Context(), cidsOf(list))
	if err != nil {
		t.Fatal(err)
	}
	began, count := time.Now(), 0
	for range found {
		count++
	}
	if took := time.Since(began); count != len(list) || took > 3*patience {
		t.Errorf("%d blocks of %d after %s", count, len(list), took)
	}
}

// A member that hangs is waited for once, however much is asked, and is asked again when it runs anew.
func TestMemberThatHangs(t *testing.T) {
	n := newFake(t, hang)
	list := makeBlocks(1000, 256)
	n.wider.add(list...)
	began, count := time.Now(), 0
	found, err := n.GetBlocks(t.Context(), cidsOf(list))
	if err != nil {
		t.Fatal(err)
	}
	for range found {
		count++
	}
	if took := time.Since(began); count != len(list) || took > 5*patience {
		t.Errorf("%d blocks of %d after %s", count, len(list), took)
	}
	if _, took, err := n.get(t, list[0].Cid()); err != nil || took > patience/2 {
		t.Errorf("it was waited for again: %s, %v", took, err)
	}
	for _, m := range n.members.known {
		if m.prompt.usable() {
			t.Error("it counts as usable")
		}
		m.each((*link).revive)
		if !m.prompt.usable() {
			t.Error("a new process of it does not count as usable")
		}
	}
}

func TestCancelledRequestsEnd(t *testing.T) {
	n := newFake(t, hang)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(patience/6, cancel)
	began := time.Now()
	if _, err := n.GetBlock(ctx, makeBlocks(1, 10)[0].Cid()); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
	if took := time.Since(began); took > patience {
		t.Errorf("it took %s", took)
	}
}

// No more is under way on a stream than the bound allows, and no member opens more streams than it may.
func TestBounds(t *testing.T) {
	asked := make(chan struct{}, 10_000)
	n := newFake(t, func(s network.Stream) {
		in := bufio.NewReader(s)
		for {
			if _, err := readRequest(in); err != nil {
				return
			}
			asked <- struct{}{}
		}
	})
	replies := make(chan reply, 10_000)
	var l *link
	for _, m := range n.members.known {
		l = m.prompt
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	defer cancel()
	var err error
	sent := 0
	for ; err == nil; sent++ {
		err = l.ask(ctx, request{kindGet, makeBlocks(1, 10)[0].Cid()}, replies)
	}
	if most := int(flightBytes / l.size.Load()); sent-1 != most || len(asked) > most {
		t.Errorf("%d requests under way, %d have arrived, %d may be", sent-1, len(asked), most)
	}

	server, member := newNode(t), newHost(t)
	connect(t, member, server.host)
	server.Admit(member.ID())
	for i := range maxStreams + 1 {
		s, err := member.NewStream(t.Context(), server.host.ID(), Protocol)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Reset() //nolint:errcheck // it is given up
		w := bufio.NewWriter(s)
		_ = errors.Join(writeRequest(w, request{kindHas, makeBlocks(1, 10)[0].Cid()}), w.Flush()) // shows in the answer
		_, err = readAnswer(bufio.NewReader(s), kindHas)
		if (err == nil) != (i < maxStreams) {
			t.Errorf("stream %d: %v", i+1, err)
		}
	}
}

func TestCloseEndsWhatRuns(t *testing.T) {
	nodes := newCluster(t, 2)
	block := makeBlocks(1, 10)[0]
	nodes[1].put(t, block)
	if _, _, err := nodes[0].get(t, block.Cid()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := nodes[0].Close(); err != nil {
			t.Fatal(err)
		}
	}
	nodes[0].Admit(nodes[1].host.ID())
	if nodes[0].members.has(nodes[1].host.ID()) {
		t.Error("a closed exchange takes members")
	}
}
