package names

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/state"
	"github.com/ipfs/boxo/ipns"
	record "github.com/libp2p/go-libp2p-record"

	"github.com/underlay/underlay/consensus"
)

// Where the records are among the values of the cluster, each under its name in base 36.
const (
	published = "ipns/"   // by a key of the cluster: what it says is so
	stored    = "record/" // by a client that has put it there: others may know of a newer one
)

// strangerPatience is how long a name that this peer does not know may wait for word from the leader. Without one it is
// looked up as that of a stranger.
const strangerPatience = 2 * time.Second

// State is what the names need of the replicated state.
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

// unavailable is an error after which the same request may succeed on another peer, or here a little later.
type unavailable struct{ error }

func (e unavailable) Unwrap() error { return e.error }

// HTTPStatus is the status that such a request is answered with.
func (unavailable) HTTPStatus() int { return http.StatusServiceUnavailable }

// records are the IPNS records of the cluster.
type records struct {
	values    State
	validator record.Validator
	note      func(context.Context, error) error // is told of every failure of the cluster
}

// find returns the record of a name that is valid now, whether the cluster has published it, and its revision. It is nil
// when there is none. It knows of everything that was acknowledged anywhere before the call, unless ctx is stale.
func (r *records) find(ctx context.Context, name ipns.Name) (rec []byte, ours bool, err error) {
	if err := r.catchUp(ctx, name); ctx.Err() != nil {
		return nil, false, ctx.Err()
	} else if err != nil {
		return nil, false, r.note(ctx, unavailable{fmt.Errorf("read record of a name: %w", err)})
	}
	for _, space := range []string{published, stored} {
		value, err := r.here(ctx, space+name.String())
		if err != nil {
			return nil, false, err
		}
		if value.Data != nil && r.validator.Validate(string(name.RoutingKey()), value.Data) == nil {
			return value.Data, space == published, nil
		}
	}
	return nil, false, nil
}

// catchUp waits until this peer knows what the others know. For the names of strangers it may fail.
func (r *records) catchUp(ctx context.Context, name ipns.Name) error {
	known, err := r.here(ctx, published+name.String())
	if err != nil {
		return err
	}
	if known.Data != nil {
		return r.values.Barrier(ctx)
	}
	limited, cancel := context.WithTimeout(ctx, strangerPatience)
	defer cancel()
	if r.values.Barrier(limited) != nil {
		return ctx.Err()
	}
	return nil
}

// here returns a value as this peer knows it, one without data if there is none.
func (r *records) here(ctx context.Context, key string) (consensus.Value, error) {
	value, err := r.values.Value(consensus.WithStale(ctx), key)
	if errors.Is(err, state.ErrNotFound) {
		return consensus.Value{Key: key}, nil
	}
	if err != nil {
		return value, fmt.Errorf("read record of a name: %w", err)
	}
	return value, nil
}

// set stores a record if the value is still the one with this revision; consensus.ErrConflict if not.
func (r *records) set(ctx context.Context, key string, rec []byte, revision uint64) error {
	return r.commit(ctx, consensus.SetValueOp(key, rec).IfRevision(revision))
}

// commit makes all changes or none.
func (r *records) commit(ctx context.Context, ops ...consensus.Op) error {
	done, err := r.values.CommitAtomic(ctx, ops...)
	if err != nil {
		return r.note(ctx, fmt.Errorf("commit record of a name: %w", err))
	}
	return errors.Join(done.Errs...)
}

// errOlder is the DHT's.
var errOlder = errors.New("can't replace a newer value with an older value")

// put stores a record that a client has made: in place of one that the cluster has published, or beside those.
func (r *records) put(ctx context.Context, name ipns.Name, rec []byte) error {
	_, ours, err := r.find(ctx, name)
	if err != nil {
		return err
	}
	if ours {
		return r.replace(ctx, published, name, rec)
	}
	return r.replace(ctx, stored, name, rec)
}

// replace stores a record in a space. Like the DHT it takes only what is valid and not older than what there is.
func (r *records) replace(ctx context.Context, space string, name ipns.Name, rec []byte) error {
	routingKey := string(name.RoutingKey())
	if err := r.validator.Validate(routingKey, rec); err != nil {
		return err
	}
	for {
		old, err := r.here(ctx, space+name.String())
		if err != nil || bytes.Equal(old.Data, rec) {
			return err
		}
		if old.Data != nil && r.validator.Validate(routingKey, old.Data) == nil {
			best, err := r.validator.Select(routingKey, [][]byte{rec, old.Data})
			if err != nil {
				return err
			}
			if best != 0 {
				return errOlder
			}
		}
		err = r.set(ctx, old.Key, rec, old.Revision)
		if !errors.Is(err, consensus.ErrConflict) {
			return err
		}
	}
}
