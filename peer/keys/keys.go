package keys

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/ipfs-cluster/ipfs-cluster/state"
	"github.com/ipfs/boxo/keystore"
	"github.com/libp2p/go-libp2p/core/crypto"

	"github.com/underlay/underlay/consensus"
	"github.com/underlay/underlay/internal/seal"
)

// Where the keys are among the values of the cluster.
const (
	space     = "key/"     // before the name of a key
	selfPlace = "self/key" // of the key called self
)

// State is what the keys need of the replicated state.
type State interface {
	// Barrier returns when this peer knows of everything that was acknowledged before.
	Barrier(ctx context.Context) error
	// Value returns what is stored under a key; state.ErrNotFound when there is nothing.
	Value(ctx context.Context, key string) (consensus.Value, error)
	// Values returns what is stored under all keys with a prefix.
	Values(ctx context.Context, prefix string) ([]consensus.Value, error)
	// CommitAtomic makes all changes or none.
	CommitAtomic(ctx context.Context, ops ...consensus.Op) (consensus.Commit, error)
}

// Keys are the keys of the cluster. Any goroutine may use them.
type Keys struct {
	values State
	sealer *seal.Sealer
}

// New returns the keys that are among values, sealed with sealer.
func New(values State, sealer *seal.Sealer) *Keys { return &Keys{values, sealer} }

// Keyring is the keystore as one request sees it, and the key called self.
type Keyring struct {
	keystore.Keystore
	Self crypto.PrivKey
}

// Open returns the keys with everything that was acknowledged anywhere before the call, unless ctx is stale. The keystore
// belongs to the request of ctx: it is asked and changed on its behalf, by one goroutine.
//
// The errors are those of consensus.Barrier and consensus.Commit.
func (k *Keys) Open(ctx context.Context) (Keyring, error) {
	if err := k.values.Barrier(ctx); err != nil {
		return Keyring{}, fmt.Errorf("read the keys of the cluster: %w", err)
	}
	self, err := k.self(ctx)
	if err != nil {
		return Keyring{}, err
	}
	return Keyring{Keystore: view{ctx, k}, Self: self}, nil
}

// self returns the key called self, which is made when it is asked for first, by whichever peer that is.
func (k *Keys) self(ctx context.Context) (crypto.PrivKey, error) {
	for {
		key, _, err := k.get(ctx, selfPlace)
		if !errors.Is(err, state.ErrNotFound) {
			return key, err
		}
		key, _, err = crypto.GenerateEd25519Key(rand.Reader)
		if err != nil {
			return nil, fmt.Errorf("make the cluster's own key: %w", err)
		}
		op, err := k.set(selfPlace, key)
		if err != nil {
			return nil, err
		}
		err = k.commit(ctx, op.IfRevision(0))
		if !errors.Is(err, consensus.ErrConflict) { // else another peer was faster
			return key, err
		}
	}
}

// get returns the key in a place and its revision, as this peer knows it. The error is state.ErrNotFound when there is none.
func (k *Keys) get(ctx context.Context, place string) (crypto.PrivKey, uint64, error) {
	value, err := k.values.Value(consensus.WithStale(ctx), place)
	if err != nil {
		return nil, 0, err
	}
	plain, err := k.sealer.Open(place, value.Data)
	if err != nil {
		return nil, 0, err
	}
	key, err := crypto.UnmarshalPrivateKey(plain)
	if err != nil {
		return nil, 0, fmt.Errorf("decode private key %s: %w", place, err)
	}
	return key, value.Revision, nil
}

// set returns the operation that stores a key in a place.
func (k *Keys) set(place string, key crypto.PrivKey) (consensus.Op, error) {
	plain, err := crypto.MarshalPrivateKey(key)
	if err != nil {
		return consensus.Op{}, fmt.Errorf("encode private key %s: %w", place, err)
	}
	return consensus.SetValueOp(place, k.sealer.Seal(place, plain)), nil
}

// commit makes all changes or none. The error is that of the first operation that failed.
func (k *Keys) commit(ctx context.Context, ops ...consensus.Op) error {
	done, err := k.values.CommitAtomic(ctx, ops...)
	if err != nil {
		return fmt.Errorf("commit keys: %w", err)
	}
	for _, err := range done.Errs {
		if err != nil && !errors.Is(err, consensus.ErrNotApplied) {
			return err
		}
	}
	return nil
}
