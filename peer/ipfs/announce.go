package ipfs

import (
	"context"
	"sync/atomic"

	"github.com/ipfs/boxo/provider"
	"github.com/ipfs/go-cid"
	"github.com/ipfs/kubo/core"
	"github.com/ipfs/kubo/repo"
	"go.uber.org/fx"

	kuboconfig "github.com/ipfs/kubo/config"
)

// Keys calls f for each of many CIDs, and stops at its error.
type Keys func(ctx context.Context, f func(cid.Cid) error) error

// fileKeys are the CIDs of the node's files, as soon as they are known.
type fileKeys struct{ keys atomic.Pointer[Keys] }

// AnnounceFiles tells what belongs to the files, for a node that announces them: kubo would announce those of its own root.
func AnnounceFiles(node *core.IpfsNode, keys Keys) {
	if own, ok := node.Repo.(nodeRepo); ok {
		own.files.keys.Store(&keys)
	}
}

// announced is what kubo's node announces; nothing if announcing is off.
type announced struct {
	fx.In
	Keys provider.KeyChanFunc `optional:"true"`
	Repo repo.Repo
}

// replaceAnnounced adds the files to what the node announces again and again, if its strategy asks for them.
func replaceAnnounced(kubos announced) (provider.KeyChanFunc, error) {
	own, ok := kubos.Repo.(nodeRepo)
	if !ok || kubos.Keys == nil {
		return kubos.Keys, nil
	}
	conf, err := own.Config()
	if err != nil {
		return nil, err
	}
	strategy := conf.Provide.Strategy.WithDefault(kuboconfig.DefaultProvideStrategy)
	if kuboconfig.MustParseProvideStrategy(strategy)&kuboconfig.ProvideStrategyMFS == 0 {
		return kubos.Keys, nil
	}
	return provider.NewPrioritizedProvider(kubos.Keys, own.files.stream), nil
}

// stream implements provider.KeyChanFunc.
func (f *fileKeys) stream(ctx context.Context) (<-chan cid.Cid, error) {
	out := make(chan cid.Cid)
	go func() {
		defer close(out)
		keys := f.keys.Load()
		if keys == nil {
			return // the node has just started
		}
		// What cannot be read now is announced the next time.
		_ = (*keys)(ctx, func(c cid.Cid) error {
			select {
			case out <- c:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
	return out, nil
}
