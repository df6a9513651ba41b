package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"

	"github.com/ipfs-cluster/ipfs-cluster/adder"
	"github.com/ipfs-cluster/ipfs-cluster/adder/sharding"
	"github.com/ipfs-cluster/ipfs-cluster/adder/single"
	"github.com/ipfs-cluster/ipfs-cluster/api"
	chunk "github.com/ipfs/boxo/chunker"
	"github.com/ipfs/boxo/files"
	"github.com/ipfs/boxo/ipld/merkledag"
	rpc "github.com/libp2p/go-libp2p-gorpc"
	"github.com/multiformats/go-multihash"

	"github.com/underlay/underlay/proxy/fault"
	"github.com/underlay/underlay/proxy/pinopts"
	"github.com/underlay/underlay/proxy/upload"
)

// add stores uploaded files on the allocated peers and pins them.
func (a *handlers) add(w http.ResponseWriter, r *http.Request) {
	body := &endNoted{ReadCloser: r.Body}
	if r.Body != http.NoBody {
		body.ReadCloser = upload.Guard(w, r.Body, a.UploadStall)
		r.Body = body
	}
	reader, err := r.MultipartReader()
	if err != nil {
		a.fail(w, r, fault.With(http.StatusBadRequest, err))
		return
	}
	params, client, err := a.prepareAdd(r.Context(), r.URL.Query())
	if err != nil {
		a.fail(w, r, err)
		return
	}
	store := func(ctx context.Context, out chan<- api.AddedOutput) error {
		return body.blame(a.store(ctx, client, params, reader, out))
	}
	w.Header().Set("Connection", "close") // after a fault, what is left of the upload is not worth reading
	if params.StreamChannels && upload.Streams(r) {
		announceAdded(w, params)
		writeStream(a, w, r, store, keep)
		return
	}
	// Nothing goes out before the end: a proxy might forward no more of the upload, and a fault may still choose the status.
	held := addedAnswer{list: !params.StreamChannels}
	defer held.body.Close()
	out, done := make(chan api.AddedOutput, buffer), make(chan error, 1)
	go func() { done <- store(r.Context(), out) }()
	if err := errors.Join(drain(out, done, held.add), held.end()); err != nil {
		a.fail(w, r, err)
		return
	}
	upload.Drain(r.Body)
	announceAdded(w, params)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	_, _ = held.body.WriteTo(w) // the client is gone if this fails
}

// prepareAdd finds out, before anything of an upload is read, whether it could be stored.
func (a *handlers) prepareAdd(ctx context.Context, options url.Values) (api.AddParams, *rpc.Client, error) {
	params, err := addParams(options)
	if err == nil {
		err = a.Cluster.CheckFactors(ctx, params.PinOptions)
	}
	client := a.rpcClient()
	if err == nil && client == nil {
		err = fault.With(http.StatusServiceUnavailable, errors.New("add: the cluster peer has not started"))
	}
	return params, client, err
}

// announceAdded sets the headers of an answer that tells what was added.
func announceAdded(w http.ResponseWriter, p api.AddParams) {
	w.Header().Set("Cache-Control", "no-cache")
	if p.StreamChannels {
		w.Header().Set("X-Chunked-Output", "1")
		w.Header().Set("Trailer", fault.StreamError)
	}
}

// store sends the blocks of an upload to the allocated peers, tells what it has made of them, and pins every root.
func (a *handlers) store(ctx context.Context, client *rpc.Client, p api.AddParams, reader *multipart.Reader, out chan<- api.AddedOutput) error {
	files, err := files.NewFileFromPartReader(reader, "multipart/form-data")
	if err != nil {
		return badRequest("read the upload: %w", err)
	}
	defer files.Close()
	made := make(chan api.AddedOutput, buffer)
	target := newTarget(ctx, client, p, made)
	defer target.Close()
	if p.Format == "car" {
		return a.storeCARs(ctx, target, p, files, out)
	}
	roots := roots{wanted: !p.Wrap && !p.NoPin && !p.Shard}
	told := make(chan struct{})
	go func() {
		defer close(told)
		for o := range made {
			roots.note(o)
			select {
			case out <- o:
			case <-ctx.Done():
			}
		}
	}()
	root, err := adder.New(target, p, made).FromFiles(ctx, files)
	<-told
	if err != nil {
		return err
	}
	return a.pinRoots(ctx, roots.without(root), p.PinOptions)
}

// addTarget is where the blocks of an upload go. It refuses to end without any, on which the library's would fail.
type addTarget struct{ adder.ClusterDAGService }

func newTarget(ctx context.Context, client *rpc.Client, p api.AddParams, out chan<- api.AddedOutput) addTarget {
	if p.Shard {
		return addTarget{sharding.New(ctx, client, p, out)}
	}
	return addTarget{single.New(ctx, client, p, p.Local)}
}

func (t addTarget) Finalize(ctx context.Context, root api.Cid) (api.Cid, error) {
	if !root.Defined() {
		return root, badRequest("the upload has no file")
	}
	return t.ClusterDAGService.Finalize(ctx, root)
}

// endNoted is a body that notes when all of it was read.
type endNoted struct {
	io.ReadCloser
	ended bool
}

// blame marks the errors that are those of the body.
func (b *endNoted) blame(err error) error {
	if _, ok := errors.AsType[textproto.ProtocolError](err); ok {
		return badRequest("read the upload: %w", err)
	}
	if b.ended && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)) {
		return badRequest("the upload ends in the middle: %w", err)
	}
	return err
}

func (b *endNoted) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.ended = b.ended || errors.Is(err, io.EOF)
	return n, err
}

func (a *handlers) rpcClient() *rpc.Client {
	if a.RPC == nil {
		return nil
	}
	return a.RPC()
}

// pinRoots pins the roots that the adder leaves: of several uploaded files it pins the last one only, and garbage
// collection would delete the others.
func (a *handlers) pinRoots(ctx context.Context, roots []api.Cid, o api.PinOptions) error {
	o.Mode = api.PinModeRecursive // as the adder does for the root that it pins
	for _, c := range roots {
		if _, err := a.Cluster.Pin(ctx, c, o); err != nil {
			return fmt.Errorf("pin added root %s: %w", c, err)
		}
	}
	return nil
}

// addParams parses and checks the options of an upload before any of it is read.
func addParams(q url.Values) (api.AddParams, error) {
	p, err := api.AddParamsFromQuery(q)
	if err != nil {
		return p, fault.With(http.StatusBadRequest, err)
	}
	if err := pinopts.Check(q, p.PinOptions); err != nil {
		return p, fault.With(http.StatusBadRequest, err)
	}
	if p.NoCopy {
		return p, badRequest("parameter nocopy invalid: peers hold what they pin in their own stores, so it is always copied")
	}
	if p.Shard && p.ShardSize == 0 {
		p.ShardSize = api.DefaultShardSize
	}
	if p.Format == "car" {
		if p.Wrap {
			return p, badRequest("a CAR file cannot be wrapped with a directory")
		}
		return p, nil
	}
	if _, err := chunk.FromString(bytes.NewReader(nil), p.Chunker); err != nil {
		return p, badRequest("parameter chunker invalid: %w", err)
	}
	prefix, err := merkledag.PrefixForCidVersion(p.CidVersion)
	if err != nil {
		return p, badRequest("parameter cid-version invalid: %w", err)
	}
	code, known := multihash.Names[strings.ToLower(p.HashFun)]
	if !known {
		return p, badRequest("parameter hash invalid: %q is not a known hash function", p.HashFun)
	}
	prefix.MhType, prefix.MhLength = code, -1
	if _, err := prefix.Sum(nil); err != nil {
		return p, badRequest("parameter hash invalid: %q in CID version %d: %w", p.HashFun, p.CidVersion, err)
	}
	return p, nil
}

// roots collects the roots of an upload from what the adder reports: the names without a slash.
type roots struct {
	wanted bool
	cids   []api.Cid
}

// note sees every object that the adder reports.
func (l *roots) note(o api.AddedOutput) {
	if l.wanted && o.Cid.Defined() && !strings.Contains(o.Name, "/") {
		l.cids = append(l.cids, o.Cid)
	}
}

// without returns the roots once each, except the one that is pinned.
func (l *roots) without(pinned api.Cid) []api.Cid {
	seen := map[api.Cid]bool{pinned: true}
	var others []api.Cid
	for _, c := range l.cids {
		if !seen[c] {
			seen[c] = true
			others = append(others, c)
		}
	}
	return others
}

// addedAnswer keeps back what was added, as lines or as one list.
type addedAnswer struct {
	list bool
	body upload.Backlog
	n    int
	err  error
}

func (h *addedAnswer) add(o api.AddedOutput) {
	if h.err != nil {
		return
	}
	line, err := json.Marshal(o)
	switch {
	case !h.list:
		line = append(line, '\n')
	case h.n == 0:
		line = append([]byte{'['}, line...)
	default:
		line = append([]byte{','}, line...)
	}
	if err == nil {
		_, err = h.body.Write(line)
	}
	h.n, h.err = h.n+1, err
}

// end completes the answer and tells whether it could be kept.
func (h *addedAnswer) end() error {
	if h.list && h.err == nil {
		_, h.err = h.body.Write([]byte("]\n"))
	}
	return h.err
}
