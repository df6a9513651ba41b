package rpc

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/ipfs/boxo/keystore"
	"github.com/ipfs/kubo/core"
	"github.com/ipfs/kubo/core/corehttp"
	"github.com/ipfs/kubo/repo"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
)

// Keys are the private keys by which the cluster publishes names.
type Keys interface {
	// Keys returns the keystore, for the request of ctx, with everything that was acknowledged anywhere before, and the key
	// called self. If renames is set, what the command does to rename a key takes effect in one step.
	Keys(ctx context.Context, renames bool) (store keystore.Keystore, self crypto.PrivKey, err error)
}

// usesKeys tells whether a command needs the keys of the cluster. Its node is then made for the request.
func usesKeys(r *http.Request) bool {
	command := commandOf(r)
	switch {
	case command == "name/publish" || strings.HasPrefix(command, "key/"):
		return true
	case command == "name/resolve": // of nothing: of self
		return r.URL.Path == corehttp.APIPath+"/"+command && !r.URL.Query().Has("arg")
	}
	return false
}

// withKeys serves the commands that use keys on a copy of the node that has those of the cluster, and the others by next. A
// request that is offline gets the node that sees the blocks of all peers.
func withKeys(k kubo, online, offline *core.IpfsNode, keys Keys, next http.Handler) http.Handler {
	keyed := k.onNodeOf(func(r *http.Request) (*core.IpfsNode, error) {
		node := online
		if option(r, "offline") {
			node = offline
		}
		store, self, err := keys.Keys(r.Context(), commandOf(r) == "key/rename")
		if err != nil {
			return nil, NoteFailure(r.Context(), err)
		}
		own := *node
		own.Repo = keyRepo{node.Repo, notingKeystore{store, r.Context()}}
		own.PrivateKey = self
		if own.Identity, err = peer.IDFromPrivateKey(self); err != nil {
			return nil, fmt.Errorf("identify the cluster's own key: %w", err)
		}
		return &own, nil
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if usesKeys(r) {
			keyed.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// keyRepo is a repository with another keystore.
type keyRepo struct {
	repo.Repo
	keys keystore.Keystore
}

// Keystore implements repo.Repo.
func (r keyRepo) Keystore() keystore.Keystore { return r.keys }

// notingKeystore remembers failures of the cluster for the answer.
type notingKeystore struct {
	keystore.Keystore
	ctx context.Context // of the request, as long as the keystore lives
}

// Put implements keystore.Keystore.
func (k notingKeystore) Put(name string, key crypto.PrivKey) error {
	return NoteFailure(k.ctx, k.Keystore.Put(name, key))
}

// Delete implements keystore.Keystore.
func (k notingKeystore) Delete(name string) error {
	return NoteFailure(k.ctx, k.Keystore.Delete(name))
}
