package names

import (
	"context"
	"errors"

	"github.com/ipfs/boxo/ipns"
	"github.com/ipfs/boxo/namesys"
	"github.com/ipfs/boxo/path"
	"github.com/ipfs/go-datastore"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/routing"

	"github.com/underlay/underlay/consensus"
)

// Publish implements namesys.Publisher. Kubo's own publisher makes the record, from the one that is committed; if another
// peer commits one meanwhile, it makes the record anew. Then the record goes out to the network, and as on kubo it counts
// as a failure if that fails, although the cluster has the record.
func (s *system) Publish(ctx context.Context, key crypto.PrivKey, value path.Path, options ...namesys.PublishOption) error {
	id, err := peer.IDFromPrivateKey(key)
	if err != nil {
		return err
	}
	name := ipns.NameFromPeer(id)
	for {
		publisher := namesys.NewIPNSPublisher(splitStore{s.routing, s.network}, &slot{records: s.records, name: name})
		err := publisher.Publish(ctx, key, value, options...)
		if !errors.Is(err, consensus.ErrConflict) {
			return err
		}
	}
}

// splitStore reads from one store and writes to another.
type splitStore struct {
	routing.ValueStore
	to routing.ValueStore
}

// PutValue implements routing.ValueStore.
func (s splitStore) PutValue(ctx context.Context, key string, value []byte, o ...routing.Option) error {
	return s.to.PutValue(ctx, key, value, o...)
}

// slot is the one place in a datastore that kubo's publisher uses for a name: it reads the record before and writes the
// next. It writes only over the record that it has read.
type slot struct {
	datastore.Datastore // none: the publisher calls nothing else
	records             *records
	name                ipns.Name
	revision            uint64 // of the record that was read
}

// Get implements datastore.Read. It need not ask the leader: over an old record nothing can be written.
func (s *slot) Get(ctx context.Context, _ datastore.Key) ([]byte, error) {
	value, err := s.records.here(ctx, published+s.name.String())
	if err != nil {
		return nil, err
	}
	if value.Data == nil {
		return nil, datastore.ErrNotFound
	}
	s.revision = value.Revision
	return value.Data, nil
}

// Put implements datastore.Write.
func (s *slot) Put(ctx context.Context, _ datastore.Key, rec []byte) error {
	return s.records.set(ctx, published+s.name.String(), rec, s.revision)
}

// Sync implements datastore.Datastore: what is committed is on a majority of disks.
func (*slot) Sync(context.Context, datastore.Key) error { return nil }
