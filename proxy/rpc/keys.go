package rpc

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/ipfs/boxo/blockstore"
	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/underlay/underlay/proxy/fault"
	"github.com/underlay/underlay/proxy/member"
)

const (
	// hasBatch is how many blocks a peer is asked about at a time.
	hasBatch = 1024
	// listStall is how long the list of another peer's blocks may stand still.
	listStall = 30 * time.Second
)

// AllKeysChan lists the blocks of all peers, each of them once, however many there are: of every further peer only those
// that the ones before it do not have. Peers that cannot be asked at the start are reported as missing; a list that breaks
// off is an error of the answer.
func (b *clusterBlocks) AllKeysChan(ctx context.Context) (<-chan cid.Cid, error) {
	own, err := b.GCBlockstore.AllKeysChan(ctx)
	if err != nil {
		return nil, err
	}
	others, err := b.members.Others(ctx)
	if err != nil {
		return nil, err
	}
	out := make(chan cid.Cid)
	send := func(c cid.Cid) error {
		select {
		case out <- c:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	lists := member.Each(others, func(id peer.ID) *blockList { return b.members.list(ctx, id) })
	go func() {
		defer close(out)
		for c := range own {
			if send(c) != nil {
				break
			}
		}
		b.sendRest(ctx, lists, send)
	}()
	return out, nil
}

// sendRest sends what the other peers have and this one has not.
func (b *clusterBlocks) sendRest(ctx context.Context, lists []*blockList, send func(cid.Cid) error) {
	var listed []peer.ID
	for _, l := range lists {
		if l == nil {
			continue
		}
		defer l.close()
		for ctx.Err() == nil {
			batch, err := l.next()
			if err == nil {
				batch, err = b.unlisted(ctx, batch, listed)
			}
			for _, c := range batch {
				if err == nil {
					err = send(c)
				}
			}
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				member.ReportBroken(ctx, err)
				break
			}
		}
		listed = append(listed, l.id)
	}
}

// unlisted returns those of the blocks that neither this peer nor the others given have.
func (b *clusterBlocks) unlisted(ctx context.Context, batch []cid.Cid, listed []peer.ID) ([]cid.Cid, error) {
	rest := batch[:0]
	for _, c := range batch {
		here, err := b.GCBlockstore.Has(ctx, c)
		if err != nil {
			return nil, fmt.Errorf("look for block %s: %w", c, err)
		}
		if !here {
			rest = append(rest, c)
		}
	}
	for _, id := range listed {
		if len(rest) == 0 {
			break
		}
		has, err := b.members.have(ctx, id, rest)
		if err != nil {
			return nil, err
		}
		kept := rest[:0]
		for i, c := range rest {
			if !has[i] {
				kept = append(kept, c)
			}
		}
		rest = kept
	}
	return rest, nil
}

// blockList reads the list of another peer's blocks.
type blockList struct {
	id     peer.ID
	resp   *http.Response
	lines  *bufio.Scanner
	stall  *time.Timer
	cancel context.CancelFunc
}

// list begins to read the list of a peer's blocks, or reports the peer as missing and returns nil.
func (m members) list(ctx context.Context, id peer.ID) *blockList {
	listing, cancel := context.WithCancel(ctx)
	l := &blockList{id: id, cancel: cancel, stall: time.AfterFunc(member.AskTimeout, cancel)}
	var err error
	l.resp, err = m.Call(listing, id, "/api/v0/refs/local", url.Values{"encoding": {"text"}}, nil)
	l.stall.Stop()
	if err != nil {
		cancel()
		member.ReportMissing(ctx, id)
		return nil
	}
	l.lines = bufio.NewScanner(l.resp.Body)
	return l
}

// next returns some more blocks. The error is io.EOF after the last.
func (l *blockList) next() ([]cid.Cid, error) {
	l.stall.Reset(listStall)
	defer l.stall.Stop()
	batch := make([]cid.Cid, 0, hasBatch)
	for len(batch) < hasBatch && l.lines.Scan() {
		c, err := cid.Decode(l.lines.Text())
		if err != nil {
			return nil, fmt.Errorf("read the blocks of peer %s: %w", l.id, err)
		}
		batch = append(batch, c)
	}
	err := l.lines.Err()
	if late := l.resp.Trailer.Get(fault.StreamError); err == nil && late != "" {
		err = errors.New(late)
	}
	if err != nil {
		return nil, fmt.Errorf("read the blocks of peer %s: %w", l.id, err)
	}
	if len(batch) == 0 {
		return nil, io.EOF
	}
	return batch, nil
}

func (l *blockList) close() {
	l.cancel()
	_ = l.resp.Body.Close() // nothing more is wanted of it
}

// hasPath is where a peer answers which of some blocks it has: CIDs, one a line, are answered by a character each.
const hasPath = "/has"

// have tells for each of the blocks whether a peer has it.
func (m members) have(ctx context.Context, id peer.ID, batch []cid.Cid) ([]bool, error) {
	var lines strings.Builder
	for _, c := range batch {
		lines.WriteString(c.String() + "\n")
	}
	answer, err := m.Ask(ctx, id, hasPath, nil, strings.NewReader(lines.String()))
	if err != nil {
		return nil, err
	}
	if len(answer) != len(batch) {
		return nil, fmt.Errorf("peer %s answers for %d of %d blocks", id, len(answer), len(batch))
	}
	has := make([]bool, len(batch))
	for i, mark := range answer {
		has[i] = mark == '1'
	}
	return has, nil
}

// answerHas answers have.
func answerHas(own blockstore.Blockstore) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var answer []byte
		lines := bufio.NewScanner(r.Body)
		for lines.Scan() && len(answer) < hasBatch {
			mark := byte('0')
			c, err := cid.Decode(lines.Text())
			if err == nil {
				var has bool
				if has, err = own.Has(r.Context(), c); has {
					mark = '1'
				}
			}
			if err != nil {
				http.Error(w, fmt.Sprintf("look for block %q: %s", lines.Text(), err), http.StatusInternalServerError)
				return
			}
			answer = append(answer, mark)
		}
		if err := lines.Err(); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		_, _ = w.Write(answer) // the other has gone if this fails
	})
}
