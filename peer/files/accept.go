package files

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/ipfs/boxo/blockstore"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	"golang.org/x/sync/errgroup"
)

// maxListBytes bounds what a peer reads of a list: enough for some hundred thousand blocks.
const maxListBytes = 64 << 20

// ServeHTTP answers the members of the cluster at HoldPath: it returns success when the blocks of a list are on this peer's disk,
// where they stay until the tree that needs them is held here, or has come to nothing.
func (f *Files) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	base, err := strconv.ParseUint(r.URL.Query().Get("base"), 10, 64)
	if err == nil {
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		defer context.AfterFunc(f.ctx, cancel)()
		err = f.accept(ctx, base, http.MaxBytesReader(w, r.Body, maxListBytes))
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// accept stores and holds the blocks of a list.
func (f *Files) accept(ctx context.Context, base uint64, list io.Reader) error {
	var cids, absent []cid.Cid
	var inline []blocks.Block
	for r := bufio.NewReader(list); ; {
		item, err := readHoldItem(r)
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil && item.inline {
			err = verify(item)
		}
		if err != nil {
			return fmt.Errorf("read the list of blocks: %w", err)
		}
		cids = append(cids, item.cid)
		if !item.inline {
			absent = append(absent, item.cid)
		} else {
			block, err := blocks.NewBlockWithCid(item.data, item.cid)
			if err != nil {
				return fmt.Errorf("read the list of blocks: %w", err)
			}
			inline = append(inline, block)
		}
	}
	if err := f.storeHeld(ctx, base, cids, inline); err != nil {
		return err
	}
	if err := f.fetch(ctx, absent); err != nil {
		return err
	}
	if err := f.opts.Sync(ctx); err != nil {
		return fmt.Errorf("sync blocks: %w", err)
	}
	return nil
}

// verify tells whether the content is that of the CID.
func verify(item holdItem) error {
	sum, err := item.cid.Prefix().Sum(item.data)
	if err != nil {
		return fmt.Errorf("hash block %s: %w", item.cid, err)
	}
	if !bytes.Equal(sum.Hash(), item.cid.Hash()) {
		return fmt.Errorf("block %s: %w", item.cid, blockstore.ErrHashMismatch)
	}
	return nil
}

// storeHeld stores blocks. No collection comes in between before they, and all others of the list, are known to be held.
func (f *Files) storeHeld(ctx context.Context, base uint64, cids []cid.Cid, inline []blocks.Block) error {
	lock := f.blocks.PinLock(ctx)
	defer lock.Unlock(ctx)
	f.held.expect(base, cids)
	if err := f.blocks.PutMany(ctx, inline); err != nil {
		return fmt.Errorf("store %d blocks: %w", len(inline), err)
	}
	return nil
}

// fetch gets the blocks that are not here from the other members.
func (f *Files) fetch(ctx context.Context, cids []cid.Cid) error {
	source := f.blocks.members.NewSource()
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(walkers)
	for _, c := range cids {
		g.Go(func() error {
			if has, err := f.blocks.Has(ctx, c); has || err != nil {
				return err
			}
			block, _, err := source.Get(ctx, c)
			if err == nil && block == nil {
				err = errors.New("no member sends it")
			}
			if err == nil {
				err = f.blocks.Put(ctx, block)
			}
			if err != nil {
				return fmt.Errorf("fetch block %s: %w", c, err)
			}
			return nil
		})
	}
	return g.Wait()
}
