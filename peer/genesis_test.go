package peer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/underlay/underlay/consensus/raftstore"
	"github.com/underlay/underlay/peer/genesis"
)

// listedPlaces are addresses that change.
type listedPlaces struct {
	mu    sync.Mutex
	addrs []string
	err   error
}

func (l *listedPlaces) Addrs(context.Context) ([]string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.addrs), l.err
}

func (l *listedPlaces) set(addrs []string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.addrs, l.err = addrs, err
}

// trio are the options of three peers, which find each other in one list.
func trio(t *testing.T) (options []Options, list *listedPlaces) {
	t.Helper()
	dir, addrs := t.TempDir(), freePorts(t, 3)
	list = &listedPlaces{}
	for i, addr := range addrs {
		o := testOptions(filepath.Join(dir, fmt.Sprint("peer", i)), addr)
		o.Places, o.Expect = list, len(addrs)
		options = append(options, o)
	}
	list.set(addrs, nil)
	return options, list
}

// oneCluster waits until all are ready and checks that they have one cluster of all.
func oneCluster(t *testing.T, peers ...*running) {
	t.Helper()
	for _, r := range peers {
		r.awaitReady()
	}
	for _, r := range peers {
		eventually(t, "all are members", func() bool {
			members, err := r.consensus.Peers(t.Context())
			return err == nil && len(members) == 3 && r.Consensus().Leader == peers[0].Consensus().Leader
		})
	}
}

// Peers found a cluster when as many as expected have found each other, wherever they are; and none before.
func TestExpectedPeersFoundACluster(t *testing.T) {
	options, list := trio(t)
	addrs, _ := list.Addrs(t.Context())
	list.set(nil, errors.New("no answer"))
	a, b := startPeer(t, options[0]), startPeer(t, options[1])
	list.set(addrs[:2], nil)
	for _, r := range []*running{a, b} {
		eventually(t, "it says what it waits for", func() bool {
			err := r.Ready()
			return errors.Is(err, errWaiting) && strings.Contains(err.Error(), "waiting for 3 peers, have 2")
		})
	}
	if a.consensus.HasState() || b.consensus.HasState() {
		t.Error("two of three have founded a cluster")
	}
	list.set(addrs, nil)
	oneCluster(t, a, b, startPeer(t, options[2]))
}

// The one that names the first members dies when all have given their word, before it has founded anything: the others do, and
// let it in when it is back.
func TestClusterIsFoundedWithoutTheOneThatNamedIt(t *testing.T) {
	options, _ := trio(t)
	var died atomic.Bool
	dead := make(chan string, 1)
	for i := range options {
		options[i].FoundingReached = func(context.Context) error {
			if died.CompareAndSwap(false, true) {
				dead <- options[i].Name
			}
			select {
			case name := <-dead: // stays dead
				dead <- name
				if name == options[i].Name {
					return errors.New("dead")
				}
			default:
			}
			return nil
		}
	}
	peers := make(map[string]*running)
	for _, o := range options {
		peers[o.Name] = startPeer(t, o)
	}
	name := <-dead
	dead <- name
	first := peers[name]
	if first.consensus.HasState() {
		t.Error("the one that named the first members has founded the cluster")
	}
	first.stop()
	rest := make([]*running, 0, 3)
	for n, r := range peers {
		if n != name {
			rest = append(rest, r)
		}
	}
	for _, r := range rest {
		r.awaitReady()
	}
	i := slices.IndexFunc(options, func(o Options) bool { return o.Name == name })
	options[i].FoundingReached = nil
	oneCluster(t, append(rest, startPeer(t, options[i]))...)
}

// More peers than expected start at once, and each knows another part of them.
func TestMorePeersThanExpectedFoundOneCluster(t *testing.T) {
	dir, addrs := t.TempDir(), freePorts(t, 4)
	peers := make([]*running, len(addrs))
	for i, addr := range addrs {
		o := testOptions(filepath.Join(dir, fmt.Sprint("peer", i)), addr)
		list := &listedPlaces{}
		list.set([]string{addrs[i], addrs[(i+1)%4], addrs[(i+2)%4]}, nil)
		o.Places, o.Expect = list, 3
		peers[i] = startPeer(t, o)
	}
	for _, r := range peers {
		r.awaitReady()
	}
	for _, r := range peers {
		eventually(t, "all are members", func() bool {
			members, err := r.consensus.Peers(t.Context())
			return err == nil && len(members) == 4 && r.Consensus().Leader == peers[0].Consensus().Leader
		})
	}
}

// Somebody has founded the cluster, asked the others for their votes, and died before it had replicated anything: they have been
// told a term and nothing else. They found the cluster all the same, also after a restart.
func TestTermIsNoCluster(t *testing.T) {
	options, _ := trio(t)
	var peers []*running
	for _, o := range options {
		hearOfTerm(t, o, 2)
		peers = append(peers, startPeer(t, o))
	}
	oneCluster(t, peers...)
	if term := peers[0].Consensus().Term; term <= 2 {
		t.Errorf("the term has become %d", term)
	}
}

// hearOfTerm makes raft's files of a peer as a request for its vote leaves them.
func hearOfTerm(t *testing.T, o Options, term uint64) {
	t.Helper()
	log, err := raftstore.OpenLog(raftstore.Options{
		Dir: filepath.Join((&dataDir{root: o.Dir}).cluster(), "log"), SegmentBytes: 64 << 10, Logger: hclog.NewNullLogger(),
		Fatal: func(err error) { t.Error(err) }, Room: func() bool { return true },
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(log.SetUint64([]byte("CurrentTerm"), term), log.Close()); err != nil {
		t.Fatal(err)
	}
}

// memoryCell keeps a value in memory.
type memoryCell struct {
	mu    sync.Mutex
	value string
	down  bool
}

func (m *memoryCell) Read(context.Context) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down {
		return "", errors.New("no answer")
	}
	return m.value, nil
}

func (m *memoryCell) Create(_ context.Context, value string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down {
		return errors.New("no answer")
	}
	if m.value == "" {
		m.value = value
	}
	return nil
}

func (m *memoryCell) up() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.down = false
}

// Where a record decides, nobody founds a cluster without it, and who is not in it waits to be let in.
func TestRecordDecidesWhoFounds(t *testing.T) {
	options, _ := trio(t)
	cell := &memoryCell{down: true}
	record := genesis.NewRecord(cell)
	peers := make([]*running, len(options))
	for i := range options {
		options[i].Record = record
		peers[i] = startPeer(t, options[i])
	}
	for _, r := range peers {
		eventually(t, "it waits for the record or for the one that names the members", func() bool { return errors.Is(r.Ready(), errWaiting) })
	}
	cell.up()
	oneCluster(t, peers...)
	if set, _ := record.Read(t.Context()); len(set) != 3 {
		t.Errorf("recorded is %v", set)
	}
	late := testOptions(filepath.Join(t.TempDir(), "late"), "127.0.0.1:0")
	late.Places, late.Expect, late.Record = options[0].Places, 3, record
	r := startPeer(t, late)
	r.awaitReady()
	if members, err := r.consensus.Peers(t.Context()); err != nil || len(members) != 4 {
		t.Errorf("members are %v, %v", members, err)
	}
	for _, r := range append(peers, r) {
		if !r.consensus.HasState() { // it would be asked to found another one
			t.Errorf("peer %s is a member and says that it has no state", r.ID())
		}
	}
}

// A data directory that was copied is not used by two peers at once: the one that starts later ends.
func TestCopiedPeerEnds(t *testing.T) {
	addrs := freePorts(t, 2)
	dir := t.TempDir()
	one := testOptions(filepath.Join(dir, "one"), addrs[0], addrs...)
	one.Expect = 1
	r := startPeer(t, one)
	r.awaitReady()
	copied := testOptions(filepath.Join(dir, "copy"), addrs[1], addrs...)
	if err := copyIdentity(one.Dir, copied.Dir); err != nil {
		t.Fatal(err)
	}
	twin, err := Open(t.Context(), copied)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := twin.Serve(ctx); !errors.Is(err, ErrTwin) || !strings.Contains(err.Error(), addrs[0]) {
		t.Errorf("serve: %v", err)
	}
	if err := twin.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if err := r.Ready(); err != nil {
		t.Errorf("the one that was there first: %v", err)
	}
}

func copyIdentity(from, to string) error {
	source, target := &dataDir{root: from}, &dataDir{root: to}
	if err := os.MkdirAll(target.cluster(), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	raw, err := os.ReadFile(source.identity())
	if err != nil {
		return err
	}
	return os.WriteFile(target.identity(), raw, 0o600)
}

// A cluster that has nothing to do with this peer's own is left alone.
func TestStrangerOfAnotherCluster(t *testing.T) {
	one, two, three := testID(t), testID(t), testID(t)
	for _, c := range []struct {
		name           string
		known, members []peer.ID
		want           bool
	}{
		{"new", nil, []peer.ID{one}, true},
		{"one in common", []peer.ID{one, two}, []peer.ID{two, three}, true},
		{"none in common", []peer.ID{one}, []peer.ID{two, three}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := sameCluster(c.known, c.members); got != c.want {
				t.Errorf("got %t", got)
			}
		})
	}
}
