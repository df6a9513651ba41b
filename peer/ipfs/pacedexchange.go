package ipfs

import (
	"context"
	"fmt"
	"sync"

	"github.com/ipfs/boxo/exchange"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	"golang.org/x/time/rate"
)

// How many sessions of bitswap may begin in a second, and at once. The end of one takes bitswap time that grows with the
// number of all others, behind one lock; when more begin than can end, goroutines pile up without bound.
const (
	sessionRate  = 200
	sessionBurst = 1000
)

// pacedExchange is an exchange in which sessions begin no faster than they can end.
type pacedExchange struct {
	exchange.SessionExchange
	pace *rate.Limiter
}

func newPacedExchange(x exchange.SessionExchange) *pacedExchange {
	return &pacedExchange{x, rate.NewLimiter(sessionRate, sessionBurst)}
}

// await waits until a session may begin.
func (p *pacedExchange) await(ctx context.Context) error {
	if err := p.pace.Wait(ctx); err != nil {
		return fmt.Errorf("wait for a turn to ask the network: %w", err)
	}
	return nil
}

// GetBlock implements exchange.Fetcher. It takes a session of its own.
func (p *pacedExchange) GetBlock(ctx context.Context, c cid.Cid) (blocks.Block, error) {
	if err := p.await(ctx); err != nil {
		return nil, err
	}
	return p.SessionExchange.GetBlock(ctx, c)
}

// GetBlocks implements exchange.Fetcher. It takes a session of its own.
func (p *pacedExchange) GetBlocks(ctx context.Context, cids []cid.Cid) (<-chan blocks.Block, error) {
	if err := p.await(ctx); err != nil {
		return nil, err
	}
	return p.SessionExchange.GetBlocks(ctx, cids)
}

// NewSession implements exchange.SessionExchange. The session begins when it is used.
func (p *pacedExchange) NewSession(ctx context.Context) exchange.Fetcher {
	return &pacedSession{from: p, ctx: ctx}
}

// pacedSession is a session that has begun, or has not been used.
type pacedSession struct {
	from *pacedExchange
	ctx  context.Context // the session's life, as the interface has it

	mu    sync.Mutex
	begun exchange.Fetcher
}

func (s *pacedSession) session(ctx context.Context) (exchange.Fetcher, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.begun == nil {
		if err := s.from.await(ctx); err != nil {
			return nil, err
		}
		s.begun = s.from.SessionExchange.NewSession(s.ctx)
	}
	return s.begun, nil
}

// GetBlock implements exchange.Fetcher.
func (s *pacedSession) GetBlock(ctx context.Context, c cid.Cid) (blocks.Block, error) {
	session, err := s.session(ctx)
	if err != nil {
		return nil, err
	}
	return session.GetBlock(ctx, c)
}

// GetBlocks implements exchange.Fetcher.
func (s *pacedSession) GetBlocks(ctx context.Context, cids []cid.Cid) (<-chan blocks.Block, error) {
	session, err := s.session(ctx)
	if err != nil {
		return nil, err
	}
	return session.GetBlocks(ctx, cids)
}
