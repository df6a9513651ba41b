package keys

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ipfs/boxo/keystore"
	"github.com/libp2p/go-libp2p/core/crypto"

	"github.com/underlay/underlay/consensus"
	"github.com/underlay/underlay/internal/seal"
	"github.com/underlay/underlay/internal/testkit/lone"
)

func newKeys(t testing.TB, values State) *Keys {
	t.Helper()
	sealer, err := seal.New(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return New(values, sealer)
}

func (k *Keys) open(t testing.TB) Keyring {
	t.Helper()
	ring, err := k.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

func newKey(t testing.TB) crypto.PrivKey {
	t.Helper()
	key, _, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func put(t testing.TB, ks keystore.Keystore, name string) crypto.PrivKey {
	t.Helper()
	key := newKey(t)
	if err := ks.Put(name, key); err != nil {
		t.Fatalf("put %s: %v", name, err)
	}
	return key
}

func wantNames(t testing.TB, ks keystore.Keystore, want ...string) {
	t.Helper()
	names, err := ks.List()
	if err != nil || !slices.Equal(names, want) {
		t.Errorf("the keystore has %v, %v, want %v", names, err, want)
	}
}

// The keystore keeps the promises of kubo's interface, error values included, which kubo compares.
func TestKeystore(t *testing.T) {
	ks := newKeys(t, lone.Open(t, t.TempDir())).open(t)
	key := put(t, ks, "b")
	put(t, ks, "a/b ü")
	if err := ks.Put("b", newKey(t)); err != keystore.ErrKeyExists { //nolint:errorlint // identity is the promise
		t.Errorf("put twice: %v", err)
	}
	if got, err := ks.Get("b"); err != nil || !got.Equals(key) {
		t.Errorf("get: %v", err)
	}
	if _, err := ks.Get("c"); err != keystore.ErrNoSuchKey { //nolint:errorlint // as above
		t.Errorf("get what is absent: %v", err)
	}
	for name, want := range map[string]bool{"b": true, "c": false} {
		if has, err := ks.Has(name); err != nil || has != want {
			t.Errorf("has %s: %v, %v", name, has, err)
		}
	}
	wantNames(t, ks, "a/b ü", "b")
	if err := ks.Delete("b"); err != nil {
		t.Errorf("delete: %v", err)
	}
	if err := ks.Delete("b"); !errors.Is(err, keystore.ErrNoSuchKey) {
		t.Errorf("delete twice: %v", err)
	}
	if err := ks.Put(strings.Repeat("n", consensus.MaxKeyBytes), key); !errors.Is(err, consensus.ErrInvalid) {
		t.Errorf("put under too long a name: %v", err)
	}
	if err := errors.Join(ks.Put("", key), ks.Delete("")); err == nil {
		t.Error("a key has no name")
	}
}

// However many ask for the key called self first, and on whichever peer, there is one.
func TestSelfIsMadeOnce(t *testing.T) {
	values := lone.Open(t, t.TempDir())
	selves := make([]crypto.PrivKey, 8)
	var asking sync.WaitGroup
	for i := range selves {
		asking.Go(func() {
			ring, err := newKeys(t, values).Open(t.Context())
			if err != nil {
				t.Error(err)
			}
			selves[i] = ring.Self
		})
	}
	asking.Wait()
	for _, self := range selves[1:] {
		if !self.Equals(selves[0]) {
			t.Fatal("there are two keys called self")
		}
	}
	wantNames(t, newKeys(t, values).open(t))
}

// rename does what kubo's command does.
func rename(ks keystore.Keystore, from, to string, force bool) error {
	key, err := ks.Get(from)
	if err != nil {
		return err
	}
	if force {
		if has, err := ks.Has(to); err != nil {
			return err
		} else if has {
			if err := ks.Delete(to); err != nil {
				return err
			}
		}
	}
	if err := ks.Put(to, key); err != nil {
		return err
	}
	return ks.Delete(from)
}

func TestRename(t *testing.T) {
	keys := newKeys(t, lone.Open(t, t.TempDir()))
	a := put(t, keys.open(t), "a")
	put(t, keys.open(t), "b")
	if err := rename(keys.open(t).Renaming(), "a", "b", false); err != keystore.ErrKeyExists { //nolint:errorlint // kubo compares
		t.Errorf("over another: %v", err)
	}
	wantNames(t, keys.open(t), "a", "b")
	if err := rename(keys.open(t).Renaming(), "a", "b", true); err != nil {
		t.Errorf("over another by force: %v", err)
	}
	wantNames(t, keys.open(t), "b")
	if err := rename(keys.open(t).Renaming(), "b", "c", true); err != nil {
		t.Errorf("to what is free: %v", err)
	}
	wantNames(t, keys.open(t), "c")
	if got, err := keys.open(t).Get("c"); err != nil || !got.Equals(a) {
		t.Errorf("the renamed key is another: %v", err)
	}
}

// dying is a replicated state whose peer dies before a commit.
type dying struct {
	State
	left int // commits until then
}

var errDead = errors.New("the peer has died")

func (d *dying) CommitAtomic(ctx context.Context, ops ...consensus.Op) (consensus.Commit, error) {
	if d.left == 0 {
		return consensus.Commit{}, errDead
	}
	d.left--
	return d.State.CommitAtomic(ctx, ops...)
}

// A peer that dies at any point of a rename leaves both keys as they were, or the rename done.
func TestRenameIsOneStep(t *testing.T) {
	values := lone.Open(t, t.TempDir())
	keys := newKeys(t, values)
	for commits := 0; ; commits++ {
		a, b := put(t, keys.open(t), "a"), put(t, keys.open(t), "b")
		err := rename(newKeys(t, &dying{values, commits}).open(t).Renaming(), "a", "b", true)
		if err == nil {
			break
		}
		if !errors.Is(err, errDead) {
			t.Fatal(err)
		}
		for name, want := range map[string]crypto.PrivKey{"a": a, "b": b} {
			if got, err := keys.open(t).Get(name); err != nil || !got.Equals(want) {
				t.Fatalf("after %d commits the key %s is lost: %v", commits, name, err)
			}
			if err := keys.open(t).Delete(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	wantNames(t, keys.open(t), "b")
}

// racing is a replicated state in which another peer does something before a commit.
type racing struct {
	State
	first func()
}

func (r *racing) CommitAtomic(ctx context.Context, ops ...consensus.Op) (consensus.Commit, error) {
	if first := r.first; first != nil {
		r.first = nil
		first()
	}
	return r.State.CommitAtomic(ctx, ops...)
}

// A key that another peer changes while it is renamed is not lost, nor is one that takes the new name.
func TestRenameMeetsAnother(t *testing.T) {
	values := lone.Open(t, t.TempDir())
	keys := newKeys(t, values)
	put(t, keys.open(t), "a")
	meeting := func(first func()) Keyring {
		r := &racing{State: values}
		ring := newKeys(t, r).open(t).Renaming()
		r.first = first
		return ring
	}
	var b crypto.PrivKey
	err := rename(meeting(func() { b = put(t, keys.open(t), "b") }), "a", "b", false)
	if err != keystore.ErrKeyExists { //nolint:errorlint // kubo compares
		t.Errorf("the new name was taken meanwhile: %v", err)
	}
	if got, err := keys.open(t).Get("b"); err != nil || !got.Equals(b) {
		t.Errorf("the key that took the name is lost: %v", err)
	}
	err = rename(meeting(func() {
		if err := keys.open(t).Delete("a"); err != nil {
			t.Error(err)
		}
	}), "a", "c", false)
	if err != keystore.ErrNoSuchKey { //nolint:errorlint // as above
		t.Errorf("the key was removed meanwhile: %v", err)
	}
	wantNames(t, keys.open(t), "b")
}
