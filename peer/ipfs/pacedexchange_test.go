package ipfs

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/ipfs/boxo/exchange"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	"golang.org/x/time/rate"
)

// counting counts the sessions that begin, and finds nothing.
type counting struct {
	exchange.SessionExchange
	begun int
}

var errNothing = errors.New("nothing")

func (c *counting) NewSession(context.Context) exchange.Fetcher {
	c.begun++
	return c
}

func (c *counting) GetBlock(context.Context, cid.Cid) (blocks.Block, error) { return nil, errNothing }

func TestSessionsBeginAtABoundedPace(t *testing.T) {
	stock := &counting{}
	paced := &pacedExchange{stock, rate.NewLimiter(rate.Every(time.Hour), 3)}
	ask := func(f exchange.Fetcher) error {
		_, err := f.GetBlock(t.Context(), cid.Undef)
		return err
	}
	unused := paced.NewSession(t.Context())
	for range 3 {
		session := paced.NewSession(t.Context())
		for range 10 {
			if err := ask(session); !errors.Is(err, errNothing) {
				t.Fatal(err)
			}
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := unused.GetBlock(ctx, cid.Undef); err == nil || errors.Is(err, errNothing) {
		t.Errorf("a fourth session: %v", err)
	}
	if _, err := paced.GetBlock(ctx, cid.Undef); err == nil || errors.Is(err, errNothing) {
		t.Errorf("a block without a session: %v", err)
	}
	if stock.begun != 3 {
		t.Errorf("%d sessions have begun", stock.begun)
	}
}
