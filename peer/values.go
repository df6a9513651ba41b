package peer

import (
	"context"

	"github.com/underlay/underlay/consensus"
)

// Values are the small values that all peers share, for what is kept in the cluster beside pins. The methods are those of
// consensus.Consensus.
type Values interface {
	Barrier(ctx context.Context) error
	Values(ctx context.Context, prefix string) ([]consensus.Value, error)
	NextValues(ctx context.Context, space string, seen uint64) (uint64, error)
	CommitAtomic(ctx context.Context, ops ...consensus.Op) (consensus.Commit, error)
	Usage(ctx context.Context, account string) (consensus.Usage, error)
}

// Values returns what the peer shares with the others. It belongs to the peer.
func (p *Peer) Values() Values { return p.consensus }

// valuesPage is how many values are read at a time.
const valuesPage = 512

// EachValue calls f with everything that the peers share beside the pins, in the order of the keys.
func (p *Peer) EachValue(ctx context.Context, f func(key string, data []byte) error) error {
	for from := ""; ; {
		page, err := p.consensus.ValuesBetween(ctx, from, endOfKeys, valuesPage)
		if err != nil {
			return err
		}
		for _, v := range page {
			if err := f(v.Key, v.Data); err != nil {
				return err
			}
		}
		if len(page) < valuesPage {
			return nil
		}
		from = page[len(page)-1].Key + "\x00" // the next key that is possible
	}
}

// endOfKeys comes after every key, which all are UTF-8.
const endOfKeys = "\xff"

// CommitValues sets values, and deletes others, in one log entry. Deleting what is not there is no error.
func (p *Peer) CommitValues(ctx context.Context, set map[string][]byte, remove []string) error {
	ops := make([]consensus.Op, 0, len(set)+len(remove))
	for key, data := range set {
		ops = append(ops, consensus.SetValueOp(key, data))
	}
	for _, key := range remove {
		ops = append(ops, consensus.DelValueOp(key))
	}
	return p.commitAll(ctx, ops)
}

// sealPlace is where Seal stands.
const sealPlace = "backup"

// Seal returns something by which Opens knows the clusters that have the same secret.
func (p *Peer) Seal() []byte { return p.sealer.Seal(sealPlace, nil) }

// Opens tells whether this cluster can open what one with this seal has sealed.
func (p *Peer) Opens(seal []byte) bool {
	_, err := p.sealer.Open(sealPlace, seal)
	return err == nil
}
