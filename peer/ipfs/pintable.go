package ipfs

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/ipfs/boxo/datastore/dshelp"
	pin "github.com/ipfs/boxo/pinning/pinner"
	"github.com/ipfs/go-cid"
	"github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/query"
	pebbleds "github.com/ipfs/go-ds-pebble"
)

// pinDir is where the table is in the node's repository.
const pinDir = "underlay-pins"

// openPinStore opens what the table is kept in. It is not the node's datastore because most lookups are of CIDs that are
// not pinned yet: with filters these stay cheap however many pins there are.
func openPinStore(repo string) (*pebbleds.Datastore, error) {
	options := &pebble.Options{MemTableSize: 2 << 20, CacheSize: 16 << 20}
	for i := range options.Levels {
		options.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	store, err := pebbleds.NewDatastore(filepath.Join(repo, pinDir), pebbleds.WithPebbleOpts(options))
	if err != nil {
		return nil, fmt.Errorf("open table of local pins: %w", err)
	}
	return store, nil
}

// pinTable lists what the node pins: a CID and its mode for each pin. Writes reach the disk some time after they
// return, or with sync. What a power cut takes from the table is found again by comparing it with the pinset; nothing
// in it may be older than the blocks, see localPinner. After close every method fails with pin.ErrClosed.
type pinTable struct {
	store   datastore.Batching
	closing chan struct{}

	mu     sync.Mutex
	closed bool
	users  sync.WaitGroup // of the store
}

func newPinTable(store datastore.Batching) *pinTable {
	return &pinTable{store: store, closing: make(chan struct{})}
}

// use calls f unless the table is closed, which waits for f.
func (t *pinTable) use(f func() error) error {
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return pin.ErrClosed
	}
	t.users.Add(1)
	t.mu.Unlock()
	defer t.users.Done()
	return f()
}

// close ends listings and waits until nobody uses the store, which may then be closed.
func (t *pinTable) close() {
	t.mu.Lock()
	if !t.closed {
		t.closed = true
		close(t.closing)
	}
	t.mu.Unlock()
	t.users.Wait()
}

// Values of the table.
const (
	tableRecursive = 'r'
	tableDirect    = 'd'
)

func tableKey(c cid.Cid) datastore.Key { return dshelp.NewKeyFromBinary(c.Bytes()) }

// put pins c in the given mode, which replaces any other.
func (t *pinTable) put(ctx context.Context, c cid.Cid, mode pin.Mode) error {
	value := byte(tableRecursive)
	if mode == pin.Direct {
		value = tableDirect
	}
	if err := t.use(func() error { return t.store.Put(ctx, tableKey(c), []byte{value}) }); err != nil {
		return fmt.Errorf("store local pin of %s: %w", c, err)
	}
	return nil
}

// remove unpins c, pinned or not.
func (t *pinTable) remove(ctx context.Context, c cid.Cid) error {
	if err := t.use(func() error { return t.store.Delete(ctx, tableKey(c)) }); err != nil {
		return fmt.Errorf("remove local pin of %s: %w", c, err)
	}
	return nil
}

// sync returns when all that was written before is on the disk.
func (t *pinTable) sync(ctx context.Context) error {
	if err := t.use(func() error { return t.store.Sync(ctx, datastore.NewKey("/")) }); err != nil {
		return fmt.Errorf("sync local pins: %w", err)
	}
	return nil
}

// Get implements pinview.Pins.
func (t *pinTable) Get(ctx context.Context, c cid.Cid) (pin.Pinned, error) {
	none := pin.Pinned{Key: c, Mode: pin.NotPinned}
	var value []byte
	err := t.use(func() (err error) {
		value, err = t.store.Get(ctx, tableKey(c))
		return err
	})
	if errors.Is(err, datastore.ErrNotFound) {
		return none, nil
	}
	if err != nil {
		return none, fmt.Errorf("look up local pin of %s: %w", c, err)
	}
	mode, err := tableMode(value)
	if err != nil {
		return none, fmt.Errorf("look up local pin of %s: %w", c, err)
	}
	return pin.Pinned{Key: c, Mode: mode}, nil
}

func tableMode(value []byte) (pin.Mode, error) {
	switch string(value) {
	case string(rune(tableRecursive)):
		return pin.Recursive, nil
	case string(rune(tableDirect)):
		return pin.Direct, nil
	}
	return pin.NotPinned, fmt.Errorf("%q is no mode", value)
}

// Each implements pinview.Pins, as of the moment of the call.
func (t *pinTable) Each(ctx context.Context, f func(pin.Pinned) error) error {
	return t.use(func() error { return t.each(ctx, f) })
}

func (t *pinTable) each(ctx context.Context, f func(pin.Pinned) error) error {
	results, err := t.store.Query(ctx, query.Query{})
	if err != nil {
		return fmt.Errorf("list local pins: %w", err)
	}
	defer results.Close()
	for {
		entry, more := results.NextSync()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-t.closing:
			return pin.ErrClosed
		default:
		}
		if !more {
			return nil
		}
		found, err := tableEntry(entry)
		if err != nil {
			return fmt.Errorf("list local pins: %w", err)
		}
		if err := f(found); err != nil {
			return err
		}
	}
}

func tableEntry(entry query.Result) (pin.Pinned, error) {
	if entry.Error != nil {
		return pin.Pinned{}, entry.Error
	}
	raw, err := dshelp.BinaryFromDsKey(datastore.RawKey(entry.Key))
	if err != nil {
		return pin.Pinned{}, fmt.Errorf("key %s: %w", entry.Key, err)
	}
	c, err := cid.Cast(raw)
	if err != nil {
		return pin.Pinned{}, fmt.Errorf("key %s: %w", entry.Key, err)
	}
	mode, err := tableMode(entry.Value)
	if err != nil {
		return pin.Pinned{}, fmt.Errorf("key %s: %w", entry.Key, err)
	}
	return pin.Pinned{Key: c, Mode: mode}, nil
}
