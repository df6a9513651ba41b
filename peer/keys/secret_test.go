package keys

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"

	"github.com/underlay/underlay/internal/seal"
	"github.com/underlay/underlay/internal/testkit"
	"github.com/underlay/underlay/internal/testkit/lone"
)

// Neither log nor state nor snapshots show a key, and who does not have the cluster's secret cannot open them.
func TestKeysAreSealed(t *testing.T) {
	dir := t.TempDir()
	values := lone.Open(t, dir)
	keys := newKeys(t, values)
	ring := keys.open(t)
	rsa, _, err := crypto.GenerateRSAKeyPair(2048, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if err := ring.Put("the RSA key", rsa); err != nil {
		t.Fatal(err)
	}
	secret := map[string]crypto.PrivKey{"self": ring.Self, "RSA": rsa, "renamed": put(t, ring, "to be renamed")}
	for i := range 20 { // the log is compacted more than once
		put(t, ring, fmt.Sprint("key ", i))
	}
	if err := rename(keys.open(t).Renaming(), "to be renamed", "renamed", false); err != nil {
		t.Fatal(err)
	}
	plain := map[string][]byte{"name": []byte(space + "key 2")}
	testkit.Eventually(t, 10*time.Second, "there is a snapshot with keys", func() bool {
		return len(testkit.FilesWith(t, dir+"/snapshots", plain)) > 0
	})
	if err := values.Close(); err != nil {
		t.Fatal(err)
	}
	if len(testkit.FilesWith(t, dir, plain)) == 0 {
		t.Error("the search does not find what is in the clear: the name of a key")
	}
	for name, key := range secret {
		if found := testkit.FilesWith(t, dir, testkit.KeyForms(t, key)); len(found) > 0 {
			t.Errorf("the private key %s is in %v", name, found)
		}
	}
}

func TestKeysOfAnotherSecret(t *testing.T) {
	values := lone.Open(t, t.TempDir())
	newKeys(t, values).open(t)
	other, err := seal.New(bytes.Repeat([]byte{8}, 32))
	if err != nil {
		t.Fatal(err)
	}
	if ring, err := New(values, other).Open(t.Context()); err == nil {
		t.Errorf("another secret opens %v", ring.Self)
	}
}
