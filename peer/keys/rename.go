package keys

import (
	"errors"

	"github.com/ipfs/boxo/keystore"
	"github.com/libp2p/go-libp2p/core/crypto"

	"github.com/underlay/underlay/consensus"
)

// Renaming returns the same keystore for a command that renames a key. Such a command removes what has the new name, if it
// may, stores the key under that, and removes the old name: all of it is done in one step, with the last.
func (r Keyring) Renaming() Keyring {
	if v, ok := r.Keystore.(view); ok {
		r.Keystore = &renaming{view: v}
	}
	return r
}

// renaming is a view that keeps changes back until the old name is removed.
type renaming struct {
	view
	overwrites string // the name that is taken from another key; empty: none
	to         string // the new name; empty: not stored yet
}

// Delete implements keystore.Keystore: before the key is stored under its new name it makes room for it, after that it
// renames.
func (r *renaming) Delete(name string) error {
	if r.to == "" {
		r.overwrites = name
		return nil
	}
	for {
		err := r.rename(name)
		if !errors.Is(err, consensus.ErrConflict) { // else one of the two keys has changed since it was read
			return err
		}
	}
}

// Put implements keystore.Keystore.
func (r *renaming) Put(name string, _ crypto.PrivKey) error {
	if name == "" {
		return errNoName
	}
	if has, err := r.Has(name); err != nil {
		return err
	} else if has && r.overwrites != name {
		return keystore.ErrKeyExists
	}
	r.to = name
	return nil
}

// rename moves the key that is now called from.
func (r *renaming) rename(from string) error {
	key, revision, err := r.find(from)
	if err != nil {
		return err
	}
	_, there, err := r.find(r.to)
	switch {
	case errors.Is(err, keystore.ErrNoSuchKey): // revision 0
	case err != nil:
		return err
	case r.overwrites != r.to:
		return keystore.ErrKeyExists
	}
	op, err := r.keys.set(space+r.to, key)
	if err != nil {
		return err
	}
	return r.keys.commit(r.ctx, op.IfRevision(there), consensus.DelValueOp(space+from).IfRevision(revision))
}
