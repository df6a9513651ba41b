package rest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/ipfs-cluster/ipfs-cluster/adder/adderutils"
	"github.com/ipfs-cluster/ipfs-cluster/api"
	chunk "github.com/ipfs/boxo/chunker"
	"github.com/ipfs/boxo/ipld/merkledag"
	rpc "github.com/libp2p/go-libp2p-gorpc"
	"github.com/multiformats/go-multihash"

	"github.com/underlay/underlay/proxy/fault"
	"github.com/underlay/underlay/proxy/upload"
)

// add stores uploaded files on the allocated peers and pins them.
func (a *handlers) add(w http.ResponseWriter, r *http.Request) {
	if r.Body != http.NoBody {
		r.Body = upload.Guard(w, r.Body, a.UploadStall)
	}
	reader, err := r.MultipartReader()
	if err != nil {
		a.fail(w, r, fault.With(http.StatusBadRequest, err))
		return
	}
	params, err := addParams(r.URL.Query())
	if err != nil {
		a.fail(w, r, err)
		return
	}
	client := a.rpcClient()
	if client == nil {
		a.fail(w, r, fault.With(http.StatusServiceUnavailable, errors.New("add: the cluster peer has not started")))
		return
	}
	roots := roots{wanted: !params.Wrap && !params.NoPin && !params.Shard && params.Format != "car"}
	addTo := func(w http.ResponseWriter) error {
		root, err := adderutils.AddMultipartHTTPHandler(r.Context(), client, params, reader, w, roots.note)
		if err == nil {
			err = a.pinRoots(r.Context(), roots.without(root), params.PinOptions)
		}
		return err
	}
	if params.StreamChannels && upload.Streams(r) {
		if err := addTo(w); err != nil {
			w.Header().Set(fault.StreamError, err.Error())
			a.Logger.Warn("REST add failed", "error", err)
		}
		return
	}
	// Nothing goes out before the end: a proxy might forward no more of the upload, and a fault may still choose the status.
	held := heldAnswer{header: http.Header{}}
	defer held.body.Close()
	if err := addTo(&held); err != nil {
		w.Header().Set("Connection", "close") // what is left of the upload is not worth reading
		a.fail(w, r, err)
		return
	}
	upload.Drain(r.Body)
	maps.Copy(w.Header(), held.header)
	w.WriteHeader(http.StatusOK)
	_, _ = held.body.WriteTo(w) // the client is gone if this fails
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
	if err := checkOptions(q, p.PinOptions); err != nil {
		return p, fault.With(http.StatusBadRequest, err)
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
	mu     sync.Mutex // the adder reports from a goroutine of its own
	cids   []api.Cid
}

// note sees every object that the adder reports, and passes it on unchanged.
func (l *roots) note(o api.AddedOutput) any {
	if l.wanted && o.Cid.Defined() && !strings.Contains(o.Name, "/") {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.cids = append(l.cids, o.Cid)
	}
	return o
}

// without returns the roots once each, except the one that is pinned.
func (l *roots) without(pinned api.Cid) []api.Cid {
	l.mu.Lock()
	defer l.mu.Unlock()
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

// heldAnswer keeps a response back. Its status is not kept: whoever sends the response decides it.
type heldAnswer struct {
	header http.Header
	body   upload.Backlog
}

func (h *heldAnswer) Header() http.Header         { return h.header }
func (h *heldAnswer) Write(p []byte) (int, error) { return h.body.Write(p) }
func (h *heldAnswer) WriteHeader(int)             {}
