package swap

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ipfs/boxo/exchange"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
)

const (
	// patience and bulkPatience are how long a member that sends nothing is waited for before the next one is asked, and
	// after them the wider network. What nobody waits to read is not fetched twice because a member is busy.
	patience     = 300 * time.Millisecond
	bulkPatience = 3 * time.Second
	// window is how many blocks of one call are fetched from members at a time, and so how many blocks of it are in memory.
	window = 32
	// portion is after how many blocks the wider network is asked for those that no member has.
	portion = 128
)

// session fetches blocks that belong together: the member that had the last one probably has the next.
type session struct {
	*Exchange
	wider     func() exchange.Fetcher // most sessions never need it
	preferred atomic.Pointer[link]
}

func (x *Exchange) newSession(wider func() exchange.Fetcher) *session {
	return &session{Exchange: x, wider: wider}
}

// GetBlock implements exchange.Fetcher.
func (s *session) GetBlock(ctx context.Context, c cid.Cid) (blocks.Block, error) {
	if block := s.fromMembers(ctx, c); block != nil {
		return block, nil
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return s.wider().GetBlock(ctx, c)
}

// GetBlocks implements exchange.Fetcher. What comes from members is stored before it is handed out, several blocks at a
// time: the caller stores them one by one, and finds them there.
func (s *session) GetBlocks(ctx context.Context, cids []cid.Cid) (<-chan blocks.Block, error) {
	if len(s.members.usable(ctx, nil)) == 0 {
		return s.wider().GetBlocks(ctx, cids)
	}
	out := make(chan blocks.Block)
	go func() {
		defer close(out)
		var widely sync.WaitGroup
		defer widely.Wait()
		for len(cids) > 0 && ctx.Err() == nil {
			part := cids[:min(portion, len(cids))]
			cids = cids[len(part):]
			if absent := s.fetch(ctx, part, out); len(absent) > 0 {
				widely.Go(func() { s.fetchWidely(ctx, absent, out) })
			}
		}
	}()
	return out, nil
}

// fetch gets blocks from members, sends them to out and returns what is still wanted.
func (s *session) fetch(ctx context.Context, cids []cid.Cid, out chan<- blocks.Block) (absent []cid.Cid) {
	var (
		workers sync.WaitGroup
		next    atomic.Int64
		mu      sync.Mutex
	)
	for range min(window, len(cids)) {
		workers.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(cids) {
					return
				}
				block := s.fromMembers(ctx, cids[i])
				if block == nil {
					mu.Lock()
					absent = append(absent, cids[i])
					mu.Unlock()
					continue
				}
				_ = s.blocks.Put(ctx, block) // the caller will see the failure when it does the same
				select {
				case out <- block:
				case <-ctx.Done():
				}
			}
		})
	}
	workers.Wait()
	return absent
}

func (s *session) fetchWidely(ctx context.Context, cids []cid.Cid, out chan<- blocks.Block) {
	found, err := s.wider().GetBlocks(ctx, cids)
	if err != nil {
		return // the caller counts what has come
	}
	for block := range found {
		select {
		case out <- block:
		case <-ctx.Done():
			return
		}
	}
}

// fromMembers returns the block if a member has it, else nil. Without a member that is likely to have it, one is asked for
// the block and all others whether they have it.
func (s *session) fromMembers(ctx context.Context, c cid.Cid) blocks.Block {
	if !fits(c) {
		return nil
	}
	preferred := s.preferred.Load()
	links := s.members.usable(ctx, preferred)
	if len(links) == 0 {
		return nil
	}
	first, others := links[0], links[1:]
	var survey <-chan reply
	if first != preferred {
		survey = s.survey(ctx, c, others)
	}
	if block := s.get(ctx, c, first); block != nil {
		return block
	}
	if survey == nil {
		survey = s.survey(ctx, c, others)
	}
	late := time.NewTimer(first.patience)
	defer late.Stop()
	for range others {
		select {
		case r := <-survey:
			if r.err != nil || r.kind != answerPresent {
				continue
			}
			if block := s.get(ctx, c, r.from); block != nil {
				return block
			}
		case <-late.C:
			return nil
		case <-ctx.Done():
			return nil
		}
	}
	return nil
}

// survey asks members whether they have a block. A reply comes from each.
func (s *session) survey(ctx context.Context, c cid.Cid, links []*link) <-chan reply {
	replies := make(chan reply, len(links))
	for _, l := range links {
		if err := l.ask(ctx, request{kindHas, c}, replies); err != nil {
			replies <- reply{from: l, err: err}
		}
	}
	return replies
}

// get asks one member for the block, and returns nil when it does not have it, fails or takes too long.
func (s *session) get(ctx context.Context, c cid.Cid, l *link) blocks.Block {
	replies := make(chan reply, 1)
	if err := l.ask(ctx, request{kindGet, c}, replies); err != nil {
		return nil
	}
	r, ok := l.await(ctx, replies)
	if !ok || r.err != nil || r.kind != answerBlock {
		return nil
	}
	block, err := verify(c, r.data)
	if err != nil {
		l.distrust(err)
		return nil
	}
	s.preferred.Store(l)
	return block
}
