package rest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"

	"github.com/ipfs-cluster/ipfs-cluster/api"

	"github.com/underlay/underlay/consensus"
	"github.com/underlay/underlay/proxy/fault"
	"github.com/underlay/underlay/proxy/pinopts"
)

const (
	// bulkLine bounds a line of a bulk request, in bytes.
	bulkLine = 1 << 20
	// bulkLines and bulkBytes bound what is carried out together.
	bulkLines = 512
	bulkBytes = 1 << 20
	// bulkInFlight is how many such batches a request may have under way.
	bulkInFlight = 4
)

// bulkChange is one line of a bulk request: what to do with a CID, and for a pin its options, named as in the pins of
// GET /allocations.
type bulkChange struct {
	Op   string  `json:"op"` // "pin", also when absent, or "unpin"
	Cid  api.Cid `json:"cid"`
	Mode string  `json:"mode"`
	api.PinOptions
}

// bulkResult answers one line, in the order of the request.
type bulkResult struct {
	Line   int    `json:"line"` // from 1; empty lines count
	Cid    string `json:"cid,omitempty"`
	Status int    `json:"status"` // as of the same change by itself
	Error  string `json:"error,omitempty"`
}

// bulk changes many pins: POST /pins with a JSON object a line. It answers each line while it reads on; a line that is
// wrong or refused changes nothing and does not end the request. Answers come as in POST and DELETE /pins/{cid}: as soon
// as the change is committed.
func (a *handlers) bulk(w http.ResponseWriter, r *http.Request) {
	// Answers must not wait for the end of the request, nor end it.
	if err := http.NewResponseController(w).EnableFullDuplex(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		a.fail(w, r, fmt.Errorf("answer while reading: %w", err))
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	batches := make(chan *bulkBatch)
	go func() { // ends with the body, or when the connection breaks
		defer close(batches)
		readBulk(r.Body, func(b *bulkBatch) bool {
			select {
			case batches <- b:
				return true
			case <-ctx.Done():
				return false
			}
		})
	}()
	p := bulkPipeline{ctx: ctx, pinset: a.Pinset, lines: lineWriter{w: w, enc: json.NewEncoder(w)}}
	p.run(batches, cancel)
	if p.lines.sent == 0 {
		writeEmpty(w)
	}
}

// bulkPipeline carries out several batches at a time, unless they concern the same CID, and answers them in order.
type bulkPipeline struct {
	ctx     context.Context
	pinset  BulkPinset
	lines   lineWriter
	running []*bulkBatch
}

// run ends when batches is closed and all are answered. When the client has gone, it calls cancel; what is committed
// stays.
func (p *bulkPipeline) run(batches <-chan *bulkBatch, cancel func()) {
	var next *bulkBatch // waits for its turn
	for open := true; open || len(p.running) > 0; {
		var in <-chan *bulkBatch
		if open && next == nil {
			in = batches
		}
		var done <-chan struct{}
		if len(p.running) > 0 {
			done = p.running[0].done
		}
		select {
		case next, open = <-in:
		case <-done:
			if p.answer(p.running[0]); p.lines.err != nil {
				cancel()
			}
			p.running = p.running[1:]
		}
		if next != nil && len(p.running) < bulkInFlight && !slices.ContainsFunc(p.running, next.overlaps) {
			p.running = append(p.running, next)
			go next.run(p.ctx, p.pinset)
			next = nil
		}
	}
}

func (p *bulkPipeline) answer(b *bulkBatch) {
	for i, result := range b.results {
		if p.lines.err == nil {
			p.lines.write(result, i == len(b.results)-1)
		}
	}
}

// bulkBatch is some lines of a request.
type bulkBatch struct {
	changes []consensus.Op
	places  []int // of the changes among the results
	results []bulkResult
	cids    map[api.Cid]bool // that are changed
	bytes   int              // of the lines
	done    chan struct{}    // closed when all have a result
}

func newBulkBatch() *bulkBatch {
	return &bulkBatch{cids: make(map[api.Cid]bool), done: make(chan struct{})}
}

func (b *bulkBatch) overlaps(other *bulkBatch) bool {
	for c := range b.cids {
		if other.cids[c] {
			return true
		}
	}
	return false
}

func (b *bulkBatch) full() bool { return len(b.results) >= bulkLines || b.bytes >= bulkBytes }

func (b *bulkBatch) run(ctx context.Context, pinset BulkPinset) {
	defer close(b.done)
	for i, err := range pinset.ChangePins(ctx, b.changes) {
		result := &b.results[b.places[i]]
		result.Status = http.StatusOK
		if err != nil {
			result.Status, result.Error = fault.Status(err), err.Error()
		}
	}
}

// add takes one line into the batch.
func (b *bulkBatch) add(number int, line []byte) {
	result := bulkResult{Line: number}
	b.bytes += len(line)
	change, err := parseBulk(line)
	if change.Cid.Defined() {
		result.Cid = change.Cid.String()
	}
	if err != nil {
		result.Status, result.Error = http.StatusBadRequest, err.Error()
		b.results = append(b.results, result)
		return
	}
	op := consensus.UnpinOp(change.Cid)
	if change.Op != "unpin" {
		op = consensus.PinOp(api.PinWithOpts(change.Cid, change.PinOptions))
	}
	b.cids[change.Cid] = true
	b.changes, b.places = append(b.changes, op), append(b.places, len(b.results))
	b.results = append(b.results, result)
}

func parseBulk(line []byte) (bulkChange, error) {
	var change bulkChange
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&change); err != nil {
		return change, fmt.Errorf("parse change: %w", err)
	}
	switch _, err := decoder.Token(); {
	case !errors.Is(err, io.EOF):
		return change, errors.New("parse change: more than one value on the line")
	case !change.Cid.Defined():
		return change, errors.New("the change names no cid")
	case change.Op != "" && change.Op != "pin" && change.Op != "unpin":
		return change, fmt.Errorf("op %q is neither pin nor unpin", change.Op)
	}
	change.PinOptions.Mode = api.PinModeFromString(change.Mode)
	return change, pinopts.Check(url.Values{"mode": {change.Mode}}, change.PinOptions)
}

// readBulk puts lines into batches and hands them to start until that returns false. A batch ends when it is full or
// when the client pauses.
func readBulk(body io.Reader, start func(*bulkBatch) bool) {
	in := bufio.NewReaderSize(body, bulkLine)
	batch := newBulkBatch()
	for number := 1; ; number++ {
		line, err := in.ReadSlice('\n')
		switch {
		case errors.Is(err, io.EOF) || err == nil:
			if line = bytes.TrimSpace(line); len(line) > 0 {
				batch.add(number, line)
			}
		case errors.Is(err, bufio.ErrBufferFull):
			err = fmt.Errorf("line is longer than %d bytes; nothing behind it was read", bulkLine)
			fallthrough
		default:
			batch.results = append(batch.results, bulkResult{Line: number, Status: http.StatusBadRequest, Error: err.Error()})
		}
		if len(batch.results) > 0 && (err != nil || batch.full() || !lineWaits(in)) {
			if !start(batch) {
				return
			}
			batch = newBulkBatch()
		}
		if err != nil {
			return
		}
	}
}

// lineWaits tells whether a whole line can be read without waiting for the client.
func lineWaits(in *bufio.Reader) bool {
	waiting, err := in.Peek(in.Buffered())
	return err == nil && bytes.IndexByte(waiting, '\n') >= 0
}
