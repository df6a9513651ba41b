package keys

import (
	"context"
	"errors"
	"strings"

	"github.com/ipfs-cluster/ipfs-cluster/state"
	"github.com/ipfs/boxo/keystore"
	"github.com/libp2p/go-libp2p/core/crypto"

	"github.com/underlay/underlay/consensus"
)

// errNoName is kubo's.
var errNoName = errors.New("key name must be at least one character")

// view is the keystore as one request sees it: it reads what this peer knew when the request began, and later. Kubo's
// interface has no context.
type view struct {
	ctx  context.Context // of the request, as long as the view lives
	keys *Keys
}

var _ keystore.Keystore = view{}

// Has implements keystore.Keystore.
func (v view) Has(name string) (bool, error) {
	_, err := v.Get(name)
	if errors.Is(err, keystore.ErrNoSuchKey) {
		return false, nil
	}
	return err == nil, err
}

// Get implements keystore.Keystore.
func (v view) Get(name string) (crypto.PrivKey, error) {
	key, _, err := v.find(name)
	return key, err
}

func (v view) find(name string) (crypto.PrivKey, uint64, error) {
	if name == "" {
		return nil, 0, errNoName
	}
	key, revision, err := v.keys.get(v.ctx, space+name)
	if errors.Is(err, state.ErrNotFound) {
		return nil, 0, keystore.ErrNoSuchKey // kubo compares
	}
	return key, revision, err
}

// Put implements keystore.Keystore.
func (v view) Put(name string, key crypto.PrivKey) error {
	if name == "" {
		return errNoName
	}
	op, err := v.keys.set(space+name, key)
	if err != nil {
		return err
	}
	err = v.keys.commit(v.ctx, op.IfRevision(0))
	if errors.Is(err, consensus.ErrConflict) {
		return keystore.ErrKeyExists
	}
	return err
}

// Delete implements keystore.Keystore.
func (v view) Delete(name string) error {
	if name == "" {
		return errNoName
	}
	err := v.keys.commit(v.ctx, consensus.DelValueOp(space+name))
	if errors.Is(err, state.ErrNotFound) {
		return keystore.ErrNoSuchKey
	}
	return err
}

// List implements keystore.Keystore.
func (v view) List() ([]string, error) {
	values, err := v.keys.values.Values(consensus.WithStale(v.ctx), space)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(values))
	for i, value := range values {
		names[i] = strings.TrimPrefix(value.Key, space)
	}
	return names, nil
}
