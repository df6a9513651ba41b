package proxy

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
	"github.com/ipfs/boxo/chunker"
	"github.com/ipfs/boxo/ipld/merkledag"
	rpc "github.com/libp2p/go-libp2p-gorpc"
	"github.com/multiformats/go-multihash"
)

// add stores uploaded files on the allocated peers and pins them.
func (a *rest) add(w http.ResponseWriter, r *http.Request) {
	if r.Body != http.NoBody {
		r.Body = &upload{ReadCloser: r.Body, conn: http.NewResponseController(w), stall: a.UploadStall}
	}
	reader, err := r.MultipartReader()
	if err != nil {
		a.fail(w, r, withStatus(http.StatusBadRequest, err))
		return
	}
	params, err := restAddParams(r.URL.Query())
	if err != nil {
		a.fail(w, r, err)
		return
	}
	client := a.rpcClient()
	if client == nil {
		a.fail(w, r, withStatus(http.StatusServiceUnavailable, errors.New("add: the cluster peer has not started")))
		return
	}
	roots := restRoots{wanted: !params.Wrap && !params.NoPin && !params.Shard && params.Format != "car"}
	addTo := func(w http.ResponseWriter) error {
		root, err := adderutils.AddMultipartHTTPHandler(r.Context(), client, params, reader, w, roots.note)
		if err == nil {
			err = a.pinRoots(r.Context(), roots.without(root), params.PinOptions)
		}
		return err
	}
	if params.StreamChannels && streams(r) {
		if err := addTo(w); err != nil {
			w.Header().Set(restStreamError, err.Error())
			a.Logger.Warn("REST add failed", "error", err)
		}
		return
	}
	// Nothing goes out before the end: a proxy might forward no more of the upload, and a fault may still choose the status.
	held := restHeld{header: http.Header{}}
	defer held.body.Close()
	if err := addTo(&held); err != nil {
		w.Header().Set("Connection", "close") // what is left of the upload is not worth reading
		a.fail(w, r, err)
		return
	}
	drain(r.Body)
	maps.Copy(w.Header(), held.header)
	w.WriteHeader(http.StatusOK)
	_, _ = held.body.WriteTo(w) // the client is gone if this fails
}

func (a *rest) rpcClient() *rpc.Client {
	if a.RPC == nil {
		return nil
	}
	return a.RPC()
}

// pinRoots pins the roots that the adder leaves: of several uploaded files it pins the last one only, and garbage
// collection would delete the others.
func (a *rest) pinRoots(ctx context.Context, roots []api.Cid, o api.PinOptions) error {
	o.Mode = api.PinModeRecursive // as the adder does for the root that it pins
	for _, c := range roots {
		if _, err := a.Cluster.Pin(ctx, c, o); err != nil {
			return fmt.Errorf("pin added root %s: %w", c, err)
		}
	}
	return nil
}

// restAddParams parses and checks the options of an upload before any of it is read.
func restAddParams(q url.Values) (api.AddParams, error) {
	p, err := api.AddParamsFromQuery(q)
	if err != nil {
		return p, withStatus(http.StatusBadRequest, err)
	}
	if err := restCheckOptions(q, p.PinOptions); err != nil {
		return p, withStatus(http.StatusBadRequest, err)
	}
	if p.Format == "car" {
		if p.Wrap {
			return p, restBad("a CAR file cannot be wrapped with a directory")
		}
		return p, nil
	}
	if _, err := chunk.FromString(bytes.NewReader(nil), p.Chunker); err != nil {
		return p, restBad("parameter chunker invalid: %w", err)
	}
	prefix, err := merkledag.PrefixForCidVersion(p.CidVersion)
	if err != nil {
		return p, restBad("parameter cid-version invalid: %w", err)
	}
	code, known := multihash.Names[strings.ToLower(p.HashFun)]
	if !known {
		return p, restBad("parameter hash invalid: %q is not a known hash function", p.HashFun)
	}
	prefix.MhType, prefix.MhLength = code, -1
	if _, err := prefix.Sum(nil); err != nil {
		return p, restBad("parameter hash invalid: %q in CID version %d: %w", p.HashFun, p.CidVersion, err)
	}
	return p, nil
}

// restRoots collects the roots of an upload from what the adder reports: the names without a slash.
type restRoots struct {
	wanted bool
	mu     sync.Mutex // the adder reports from a goroutine of its own
	cids   []api.Cid
}

// note sees every object that the adder reports, and passes it on unchanged.
func (l *restRoots) note(o api.AddedOutput) any {
	if l.wanted && o.Cid.Defined() && !strings.Contains(o.Name, "/") {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.cids = append(l.cids, o.Cid)
	}
	return o
}

// without returns the roots once each, except the one that is pinned.
func (l *restRoots) without(pinned api.Cid) []api.Cid {
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

// restHeld keeps a response back. Its status is not kept: whoever sends the response decides it.
type restHeld struct {
	header http.Header
	body   backlog
}

func (h *restHeld) Header() http.Header         { return h.header }
func (h *restHeld) Write(p []byte) (int, error) { return h.body.Write(p) }
func (h *restHeld) WriteHeader(int)             {}
