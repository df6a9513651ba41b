package names

import (
	"context"
	"encoding/base32"
	"strings"

	"github.com/ipfs/boxo/datastore/dshelp"
	"github.com/ipfs/boxo/ipns"
	"github.com/ipfs/go-datastore"
	"github.com/ipfs/kubo/repo"
	record "github.com/libp2p/go-libp2p-record"
	pb "github.com/libp2p/go-libp2p-record/pb"
	"google.golang.org/protobuf/proto"
)

// namedRepo is the node's repository with the records of the cluster in its datastore, where what is done offline looks
// for them.
type namedRepo struct {
	repo.Repo
	records *records
}

// Datastore implements repo.Repo.
func (r namedRepo) Datastore() repo.Datastore { return &store{r.Repo.Datastore(), r.records} }

// store keeps the records of names with the cluster, everything else as before.
type store struct {
	repo.Datastore
	records *records
}

// Get implements datastore.Read.
func (s *store) Get(ctx context.Context, key datastore.Key) ([]byte, error) {
	if name, ok := publisherName(key); ok {
		return (&slot{records: s.records, name: name}).Get(ctx, key)
	}
	name, ok := routedName(key)
	if !ok {
		return s.Datastore.Get(ctx, key)
	}
	rec, _, err := s.records.find(ctx, name)
	if err != nil {
		return nil, err
	}
	if rec == nil {
		return s.Datastore.Get(ctx, key)
	}
	return proto.Marshal(record.MakePutRecord(string(name.RoutingKey()), rec))
}

// Put implements datastore.Write.
func (s *store) Put(ctx context.Context, key datastore.Key, value []byte) error {
	if name, ok := publisherName(key); ok {
		return s.records.replace(ctx, published, name, value)
	}
	name, ok := routedName(key)
	if !ok {
		return s.Datastore.Put(ctx, key, value)
	}
	rec := new(pb.Record)
	if err := proto.Unmarshal(value, rec); err != nil {
		return err
	}
	return s.records.put(ctx, name, rec.GetValue())
}

// publisherName is the name for which kubo's publisher keeps its last record under a key.
func publisherName(key datastore.Key) (ipns.Name, bool) {
	text, ok := strings.CutPrefix(key.String(), ipns.NamespacePrefix)
	if !ok {
		return ipns.Name{}, false
	}
	raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(text)
	if err != nil {
		return ipns.Name{}, false
	}
	return nameOf(ipns.NamespacePrefix + string(raw))
}

// routedName is the name whose routing record is under a key.
func routedName(key datastore.Key) (ipns.Name, bool) {
	raw, err := dshelp.BinaryFromDsKey(key)
	if err != nil {
		return ipns.Name{}, false
	}
	return nameOf(string(raw))
}

// DiskUsage implements datastore.PersistentDatastore.
func (s *store) DiskUsage(ctx context.Context) (uint64, error) {
	return datastore.DiskUsage(ctx, s.Datastore)
}

// CollectGarbage implements datastore.GCDatastore, by which kubo ends its collections.
func (s *store) CollectGarbage(ctx context.Context) error {
	if inner, ok := s.Datastore.(datastore.GCDatastore); ok {
		return inner.CollectGarbage(ctx)
	}
	return nil
}
