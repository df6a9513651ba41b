package names

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ipfs/boxo/ipns"
	"github.com/ipfs/boxo/namesys"
	"github.com/ipfs/boxo/namesys/republisher"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"

	kuboconfig "github.com/ipfs/kubo/config"

	"github.com/underlay/underlay/consensus"
)

// leadInterval is how often a peer looks whether it leads.
const leadInterval = time.Second

// schedule reads how often records are published anew, and for how long, which kubo has checked when the node started.
func schedule(conf *kuboconfig.Config) (period, lifetime time.Duration, err error) {
	period, lifetime = republisher.DefaultRebroadcastInterval, republisher.DefaultRecordLifetime
	for _, setting := range []struct {
		name, value string
		to          *time.Duration
	}{
		{"Ipns.RepublishPeriod", conf.Ipns.RepublishPeriod, &period},
		{"Ipns.RecordLifetime", conf.Ipns.RecordLifetime, &lifetime},
	} {
		if setting.value == "" {
			continue
		}
		d, err := time.ParseDuration(setting.value)
		if err != nil {
			return 0, 0, fmt.Errorf("read %s: %w", setting.name, err)
		}
		if d > 0 {
			*setting.to = d
		}
	}
	return period, lifetime, nil
}

// Serve publishes the records of the cluster anew while this peer leads, until ctx ends: soon after it has begun to lead,
// then once in every period, and earlier after a failure. The times are kubo's.
func (n *Names) Serve(ctx context.Context) error {
	var due time.Time // zero while another peer leads
	tick := time.NewTicker(min(leadInterval, n.period))
	defer tick.Stop()
	for {
		switch {
		case !n.leads():
			due = time.Time{}
		case due.IsZero():
			due = time.Now().Add(min(n.period, republisher.InitialRebroadcastDelay))
		case !time.Now().Before(due):
			due = time.Now().Add(n.period)
			if err := n.republish(ctx); err != nil && ctx.Err() == nil {
				n.logger.Debug("could not publish all names anew; will try again", "error", err)
				due = time.Now().Add(min(n.period, republisher.FailureRetryInterval))
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// republish publishes every record of the cluster anew.
func (n *Names) republish(ctx context.Context) error {
	keys, err := n.privateKeys(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, space := range []string{published, stored} {
		values, err := n.records.values.Values(ctx, space)
		if err != nil {
			return fmt.Errorf("list names: %w", err)
		}
		for _, value := range values {
			if !n.leads() || ctx.Err() != nil {
				return errors.Join(errs...)
			}
			name, err := ipns.NameFromString(strings.TrimPrefix(value.Key, space))
			if key := keys[name]; err == nil && key != nil && space == published {
				err = n.renew(ctx, key, value)
			} else {
				err = n.release(ctx, value)
			}
			if err != nil && !errors.Is(err, consensus.ErrConflict) { // else it has changed meanwhile: that is newer
				errs = append(errs, fmt.Errorf("publish %s anew: %w", value.Key, err))
			}
		}
	}
	return errors.Join(errs...)
}

// privateKeys are the keys of the cluster by their names.
func (n *Names) privateKeys(ctx context.Context) (map[ipns.Name]crypto.PrivKey, error) {
	ring, err := n.keys.Open(ctx)
	if err != nil {
		return nil, err
	}
	called, err := ring.List()
	if err != nil {
		return nil, fmt.Errorf("list keys: %w", err)
	}
	keys := []crypto.PrivKey{ring.Self}
	for _, name := range called {
		key, err := ring.Get(name)
		if err != nil {
			return nil, fmt.Errorf("read key %q: %w", name, err)
		}
		keys = append(keys, key)
	}
	byName := make(map[ipns.Name]crypto.PrivKey)
	for _, key := range keys {
		id, err := peer.IDFromPrivateKey(key)
		if err != nil {
			return nil, fmt.Errorf("identify key: %w", err)
		}
		byName[ipns.NameFromPeer(id)] = key
	}
	return byName, nil
}

// renew commits a record with the same value and sequence number and a later end, and publishes it.
func (n *Names) renew(ctx context.Context, key crypto.PrivKey, value consensus.Value) error {
	old, err := ipns.UnmarshalRecord(value.Data)
	if err != nil {
		return err
	}
	rec, err := later(old, key, time.Now().Add(n.lifetime))
	if err != nil {
		return err
	}
	raw, err := ipns.MarshalRecord(rec)
	if err != nil {
		return err
	}
	if err := n.records.set(ctx, value.Key, raw, value.Revision); err != nil {
		return err
	}
	return namesys.PublishIPNSRecord(ctx, n.network, key.GetPublic(), rec)
}

// later is the same record with a later end.
func later(old *ipns.Record, key crypto.PrivKey, end time.Time) (*ipns.Record, error) {
	target, err := old.Value()
	if err != nil {
		return nil, err
	}
	sequence, err := old.Sequence()
	if err != nil {
		return nil, err
	}
	if was, err := old.Validity(); err == nil && was.After(end) {
		end = was
	}
	ttl, err := old.TTL()
	if err != nil {
		ttl = ipns.DefaultRecordTTL
	}
	return ipns.NewRecord(key, target, sequence, end, ttl)
}

// release lets a record go for which the cluster has no key, once it has ended. Until then it is one among those that others
// may have.
func (n *Names) release(ctx context.Context, value consensus.Value) error {
	name, ours := strings.CutPrefix(value.Key, published)
	gone := consensus.DelValueOp(value.Key).IfRevision(value.Revision)
	rec, err := ipns.UnmarshalRecord(value.Data)
	if err != nil {
		return n.records.commit(ctx, gone)
	}
	end, err := rec.Validity()
	switch {
	case err != nil || time.Now().After(end):
		return n.records.commit(ctx, gone)
	case ours:
		return n.records.commit(ctx, gone, consensus.SetValueOp(stored+name, value.Data))
	}
	return nil
}
