package swap

import (
	"context"
	"time"

	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
)

// Source fetches blocks that belong together from members, and from nobody else. It stores none of them.
type Source struct{ session *session }

// NewSource makes a Source. Its method may be called from any goroutine.
func (x *Exchange) NewSource() *Source { return &Source{x.newSession(x.widely)} }

// Get returns the block, or nil if no member sends it. How many members do not have it is told then; the others could not be
// asked. The error is that of ctx.
func (s *Source) Get(ctx context.Context, c cid.Cid) (block blocks.Block, absent int, err error) {
	if !fits(c) {
		return nil, 0, nil
	}
	preferred := s.session.preferred.Load()
	links := s.session.members.usable(ctx, preferred)
	if len(links) > 0 && links[0] == preferred {
		if block := s.session.get(ctx, c, preferred); block != nil {
			return block, 0, nil
		}
	}
	if len(links) == 0 {
		return nil, 0, ctx.Err()
	}
	replies := s.session.survey(ctx, c, links)
	late := time.NewTimer(links[0].patience)
	defer late.Stop()
	for range links {
		select {
		case r := <-replies:
			switch {
			case r.err != nil:
			case r.kind == answerAbsent:
				absent++
			default:
				if block := s.session.get(ctx, c, r.from); block != nil {
					return block, 0, nil
				}
			}
		case <-late.C:
			return nil, absent, ctx.Err()
		case <-ctx.Done():
			return nil, 0, ctx.Err()
		}
	}
	return nil, absent, ctx.Err()
}
