package blockfiles

import (
	"context"
	"fmt"
	"maps"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/ipfs/go-datastore"
)

// earlyBytes is how much of large blocks may be written and not synced: whoever puts more has to sync first.
const earlyBytes = 32 << 20

// commits brings what was written to the disk, for all who wait at the same time at once. A large block comes into the
// index only when its content is on the disk, so the index never names what a power cut can take.
type commits struct {
	mu      sync.Mutex
	places  map[datastore.Key]place // of large blocks that the index does not have yet
	bytes   int64                   // of those that no commit has begun with
	version uint64                  // counts changes
	done    uint64                  // all changes up to this one are on the disk
	running *commit
	failed  error // of the commit after which nothing is certain any more
}

// commit is one run, for those who wait on it.
type commit struct {
	upTo  uint64 // the last change that it covers
	ended chan struct{}
}

// add notes a large block whose content is written.
func (c *commits) add(key datastore.Key, at place) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.places == nil {
		c.places = make(map[datastore.Key]place)
	}
	c.places[key] = at
	c.bytes += int64(at.length)
	c.version++
}

// changed notes a change of the index.
func (c *commits) changed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.version++
}

// pending returns the place of a block that the index does not have yet.
func (c *commits) pending(key datastore.Key) (place, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	at, ok := c.places[key]
	return at, ok
}

// usage returns how many bytes the blocks take that the index does not have yet.
func (c *commits) usage() (sum uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, at := range c.places {
		sum += uint64(at.room())
	}
	return sum
}

func (c *commits) failure() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failed
}

// begin returns the run to wait for, and whether the caller has to do it. It returns nil when all changes up to the goal
// are on the disk.
func (c *commits) begin(goal uint64) (run *commit, mine bool, places map[datastore.Key]place, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.failed != nil:
		return nil, false, nil, c.failed
	case c.done >= goal:
		return nil, false, nil, nil
	case c.running != nil:
		return c.running, false, nil, nil
	}
	c.running = &commit{upTo: c.version, ended: make(chan struct{})}
	c.bytes = 0
	return c.running, true, maps.Clone(c.places), nil
}

// end notes the outcome of the caller's run.
func (c *commits) end(run *commit, places map[datastore.Key]place, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.failed = fmt.Errorf("%w: %w", ErrFailed, err)
	} else {
		c.done = run.upTo
		for key := range places {
			delete(c.places, key)
		}
	}
	c.running = nil
	close(run.ended)
}

// Sync returns when every block that was put before, and every removal, is on the disk.
func (s *Store) Sync(ctx context.Context, _ datastore.Key) error {
	return s.use(func() error { return s.sync(ctx) })
}

func (s *Store) sync(ctx context.Context) error {
	s.commits.mu.Lock()
	goal := s.commits.version
	s.commits.mu.Unlock()
	for {
		run, mine, places, err := s.commits.begin(goal)
		if run == nil || err != nil {
			return err
		}
		if mine {
			s.commits.end(run, places, s.commit(places))
			continue
		}
		select {
		case <-run.ended:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// commitEarly syncs when much has been written since the last time.
func (s *Store) commitEarly(ctx context.Context) error {
	s.commits.mu.Lock()
	much := s.commits.bytes > earlyBytes
	s.commits.mu.Unlock()
	if !much {
		return nil
	}
	return s.Sync(ctx, datastore.Key{})
}

// commit syncs the content of large blocks, then the index with their places, and then gives back the space of what was
// removed before.
func (s *Store) commit(places map[datastore.Key]place) error {
	freed := s.segments.takeFreed()
	if err := s.segments.sync(); err != nil {
		return fmt.Errorf("sync blocks: %w", err)
	}
	if err := s.index(places); err != nil {
		return fmt.Errorf("index blocks: %w", err)
	}
	if err := s.db.LogData(nil, pebble.Sync); err != nil { // and all that was written before
		return fmt.Errorf("sync index of blocks: %w", err)
	}
	s.segments.punch(freed, &s.punching)
	return nil
}

// index writes the places of large blocks, whose content is on the disk.
func (s *Store) index(places map[datastore.Key]place) error {
	if len(places) == 0 {
		return nil
	}
	b := s.db.NewBatch()
	defer b.Close()
	for key, at := range places {
		if err := b.Set(blockKey(key), encodePlace(at), nil); err != nil {
			return err
		}
	}
	s.segments.accounting.Lock()
	defer s.segments.accounting.Unlock()
	if err := s.segments.admit(b, places); err != nil {
		return err
	}
	return b.Commit(pebble.NoSync)
}

// CollectGarbage implements datastore.GCDatastore: a collection ends when the space of what it removed is given back.
func (s *Store) CollectGarbage(ctx context.Context) error { return s.Sync(ctx, datastore.Key{}) }
