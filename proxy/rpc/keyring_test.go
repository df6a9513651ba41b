package rpc

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/ipfs/boxo/keystore"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/underlay/underlay/consensus"
	"github.com/underlay/underlay/proxy/member"
	"github.com/underlay/underlay/proxy/proxytest"
)

// memoryKeys are the keys of a cluster in memory.
type memoryKeys struct {
	self crypto.PrivKey

	mu      sync.Mutex
	store   keystore.Keystore
	early   error // what every request for the keys fails with
	late    error // what every change fails with
	renames bool  // the last request was to rename
}

func newMemoryKeys(t testing.TB) *memoryKeys {
	t.Helper()
	self, _, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &memoryKeys{self: self, store: keystore.NewMemKeystore()}
}

func (k *memoryKeys) Keys(_ context.Context, renames bool) (keystore.Keystore, crypto.PrivKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.renames = renames
	return failingStore{k.store, k.late}, k.self, k.early
}

func (k *memoryKeys) fail(early, late error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.early, k.late = early, late
}

// failingStore refuses changes if it has a reason.
type failingStore struct {
	keystore.Keystore
	reason error
}

func (s failingStore) Put(name string, key crypto.PrivKey) error {
	if s.reason != nil {
		return s.reason
	}
	return s.Keystore.Put(name, key)
}

// Commands for keys act on those of the cluster, also when a peer is named, and no file of the node has any.
func TestKeyCommandsActOnTheCluster(t *testing.T) {
	r := newRPCRig(t)
	if got := r.post("key/gen", []string{"made"}); got.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", got.Status, got.Text)
	}
	raw, err := crypto.MarshalPrivateKey(r.keys.self)
	if err != nil {
		t.Fatal(err)
	}
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("file", "key")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = part.Write(raw) // into memory
	if err := form.Close(); err != nil {
		t.Fatal(err)
	}
	got := proxytest.Ask(t, http.MethodPost, r.Command("key/import", []string{"imported"}), &body, "Content-Type", form.FormDataContentType())
	if got.StatusCode != http.StatusOK {
		t.Fatalf("import: %s: %s", got.Status, got.Text)
	}
	for _, name := range []string{"made", "imported"} {
		if has, err := r.keys.store.Has(name); err != nil || !has {
			t.Errorf("the cluster has no key %s: %v", name, err)
		}
	}
	if files, err := os.ReadDir(filepath.Join(r.options.Repo, "keystore")); err != nil || len(files) > 0 {
		t.Errorf("the node keeps keys of its own: %v, %v", files, err)
	}
	self, err := peer.IDFromPrivateKey(r.keys.self)
	if err != nil {
		t.Fatal(err)
	}
	for _, header := range [][]string{nil, {member.Header, r.self.ID().String()}} {
		list := proxytest.Ask(t, http.MethodPost, r.Command("key/list", nil, "ipns-base", "b58mh"), nil, header...)
		if !strings.Contains(list.Text, `{"Name":"self","Id":"`+self.String()+`"}`) || !strings.Contains(list.Text, `"imported"`) {
			t.Errorf("with %v the keys are %s", header, list.Text)
		}
	}
	if id := r.post("id", nil); !strings.Contains(id.Text, r.node.Identity.String()) {
		t.Errorf("the peer's own identity is %s", id.Text)
	}
	r.post("key/rename", []string{"made", "renamed"})
	if !r.keys.renames {
		t.Error("a rename does not say that it is one")
	}
}

// What fails for the cluster's sake is told as that, in kubo's form.
func TestKeysWithoutLeader(t *testing.T) {
	r := newRPCRig(t)
	for _, c := range []struct {
		early, late error
		command     string
		args        []string
		status      int
	}{
		{consensus.ErrNoLeader, nil, "key/list", nil, http.StatusServiceUnavailable},
		{consensus.ErrNoLeader, nil, "key/rm", []string{"key"}, http.StatusServiceUnavailable},
		{consensus.ErrNoLeader, nil, "name/resolve", nil, http.StatusServiceUnavailable},
		{consensus.ErrNoLeader, nil, "name/publish", []string{"/ipfs/bafkqaaa"}, http.StatusServiceUnavailable},
		{nil, consensus.ErrUnknownOutcome, "key/gen", []string{"key"}, http.StatusGatewayTimeout},
		{nil, consensus.ErrDiskFull, "key/gen", []string{"key"}, http.StatusInsufficientStorage},
	} {
		r.keys.fail(c.early, c.late)
		got := r.post(c.command, c.args)
		var answer proxytest.KuboError
		got.Decode(t, &answer)
		want := fmt.Sprint(c.early)
		if c.early == nil {
			want = c.late.Error()
		}
		if got.StatusCode != c.status || !strings.Contains(answer.Message, want) || answer.Type != "error" {
			t.Errorf("%s with %v, %v: %s %s", c.command, c.early, c.late, got.Status, got.Text)
		}
	}
}
