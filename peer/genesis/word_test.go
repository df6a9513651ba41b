package genesis

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/test"
)

func ids(t testing.TB, n int) []peer.ID {
	t.Helper()
	out := make([]peer.ID, n)
	for i := range out {
		var err error
		if out[i], err = test.RandPeerID(); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(out)
	return out
}

func writeFile(file string, data []byte) error { return os.WriteFile(file, data, 0o600) }

func open(t testing.TB, file string, self peer.ID) *Word {
	t.Helper()
	w, err := Open(file, self, writeFile)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestWordIsKept(t *testing.T) {
	all, file := ids(t, 3), filepath.Join(t.TempDir(), "genesis.json")
	w := open(t, file, all[0])
	if got := w.Given(); len(got) != 0 {
		t.Errorf("a new peer has given its word for %v", got)
	}
	set := NewSet([]peer.ID{all[2], all[0], all[1], all[0]})
	if got, err := w.Give(set); err != nil || !got.Equal(Set(all)) {
		t.Fatalf("give: %v, %v", got, err)
	}
	again := open(t, file, all[0])
	if got := again.Given(); !got.Equal(set) {
		t.Errorf("after a restart it is given for %v", got)
	}
	if got, err := again.Give(NewSet(all[:1])); err != nil || !got.Equal(set) {
		t.Errorf("a second word is given: %v, %v", got, err)
	}
}

func TestDamagedWordIsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "genesis.json")
	for _, content := range []string{"", "{", `{"members":["x"]}`} {
		if err := writeFile(file, []byte(content)); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(file, ids(t, 1)[0], writeFile); err == nil {
			t.Errorf("%q is taken", content)
		}
	}
}

// What could not be kept was not given.
func TestWordThatCannotBeKeptIsNotGiven(t *testing.T) {
	all, full := ids(t, 2), errors.New("disk full")
	w, err := Open(filepath.Join(t.TempDir(), "genesis.json"), all[0], func(string, []byte) error { return full })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Give(NewSet(all)); !errors.Is(err, full) || len(w.Given()) != 0 {
		t.Errorf("give: %v, given %v", err, w.Given())
	}
	if err := w.Hear(all[1], NewSet(all)); !errors.Is(err, full) || len(w.Given()) != 0 {
		t.Errorf("hear: %v, given %v", err, w.Given())
	}
}

func TestHearing(t *testing.T) {
	all := ids(t, 4)
	self := all[1]
	low, high := NewSet(all[:3]), NewSet(all[1:])
	for _, c := range []struct {
		name         string
		own          Set
		from         peer.ID
		theirs, want Set
	}{
		{"the first word", nil, all[0], low, low},
		{"a set without this peer", nil, all[3], NewSet(all[2:]), nil},
		{"a lower one of a member", high, all[2], low, low},
		{"a lower one of somebody else", high, all[0], low, high},
		{"a higher one of a member", low, all[2], high, low},
		{"a lower one without this peer", NewSet(all[1:]), all[2], NewSet([]peer.ID{all[0], all[2]}), high},
		{"nothing", nil, all[0], nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := open(t, filepath.Join(t.TempDir(), "genesis.json"), self)
			if len(c.own) > 0 {
				if _, err := w.Give(c.own); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Hear(c.from, c.theirs); err != nil || !w.Given().Equal(c.want) {
				t.Errorf("given for %v, %v; want %v", w.Given(), err, c.want)
			}
		})
	}
}

// cluster is some peers that hear of each other in any order, and die and come back.
type cluster struct {
	dir     string
	all     []peer.ID
	words   []*Word
	founded map[string]Set
}

// step does one thing at random: a peer gives its word for some that it knows of, tells another one, comes back, or founds.
func (c *cluster) step(t *testing.T, rng *rand.Rand, expect int) {
	i := rng.IntN(len(c.all))
	switch w := c.words[i]; rng.IntN(5) {
	case 0:
		some := []peer.ID{c.all[i]}
		for _, n := range rng.Perm(len(c.all)) {
			if n != i && len(some) < expect {
				some = append(some, c.all[n])
			}
		}
		if _, err := w.Give(NewSet(some)); err != nil {
			t.Fatal(err)
		}
	case 1:
		c.words[i] = open(t, c.file(i), c.all[i])
	default:
		if err := c.words[rng.IntN(len(c.all))].Hear(c.all[i], w.Given()); err != nil {
			t.Fatal(err)
		}
	}
	for _, w := range c.words {
		if set := w.Given(); len(set) > 0 && len(w.Missing()) == 0 {
			c.founded[fmt.Sprint(set)] = set
		}
	}
}

func (c *cluster) file(i int) string { return filepath.Join(c.dir, fmt.Sprint(i)) }

// Sets that share a member are never both founded, and in the end one is.
func TestOneClusterIsFounded(t *testing.T) {
	const peers, expect = 5, 3 // so any two sets share a member
	some := 0
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 0))
		c := &cluster{dir: t.TempDir(), all: ids(t, peers), founded: make(map[string]Set)}
		for i, id := range c.all {
			c.words = append(c.words, open(t, c.file(i), id))
		}
		for range 200 {
			c.step(t, rng, expect)
		}
		if len(c.founded) > 1 {
			t.Fatalf("seed %d: founded %v", seed, c.founded)
		}
		some += len(c.founded)
	}
	if some < 100 {
		t.Errorf("only %d of 300 founded a cluster", some)
	}
}
