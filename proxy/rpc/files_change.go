package rpc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/ipfs/boxo/path"
	cmds "github.com/ipfs/go-ipfs-cmds"
	"github.com/ipfs/kubo/core"
	"github.com/ipfs/kubo/core/coreapi"

	"github.com/underlay/underlay/consensus"
	"github.com/underlay/underlay/proxy/fault"
)

// maxConflicts is how often a change is made anew because another peer was faster. That is so when the leader changes only.
const maxConflicts = 10

// change runs an operation. Nothing of its answer goes out before what it has changed is acknowledged; if another peer has
// changed the files meanwhile, it runs again, on the new tree.
func (a *filesAPI) change(w http.ResponseWriter, r *http.Request) {
	body := &keptBody{from: r.Body}
	defer body.free()
	for attempt := 1; ; attempt++ {
		answer := &keptAnswer{to: w, header: maps.Clone(w.Header())}
		err := a.attempt(answer, r, body)
		switch {
		case err == nil:
			answer.send()
			return
		case attempt == maxConflicts || !errors.Is(err, consensus.ErrConflict) || r.Context().Err() != nil:
			answer.fail(err)
			return
		}
	}
}

// attempt runs the operation once and waits until it is acknowledged.
func (a *filesAPI) attempt(w http.ResponseWriter, r *http.Request, body *keptBody) error {
	var end func() func(context.Context) error
	var refused error
	commit := func(context.Context) error { return nil } // if the command was refused before it began
	func() {
		defer func() {
			if end != nil {
				commit = end()
			}
		}()
		again := r.Clone(r.Context())
		if r.Body != http.NoBody { // which kubo knows
			again.Body = body
		}
		a.kubo.onNodeOf(func(r *http.Request) (*core.IpfsNode, error) {
			if err := body.fill(); err != nil {
				return nil, fmt.Errorf("read the request: %w", err)
			}
			a.fetchSource(r)
			root, finish, err := a.files.Begin(r.Context(), flushes(r))
			if refused = err; err != nil {
				return nil, NoteFailure(r.Context(), err)
			}
			end = finish
			return a.on(r, root), nil
		}).ServeHTTP(w, again)
	}()
	if errors.Is(refused, consensus.ErrConflict) {
		return refused
	}
	return commit(r.Context())
}

// sourceReserve is how much of a command's time is left to the command, to fail with it in its own words.
const sourceReserve = 50 * time.Millisecond

// fetchSource brings what a copy will need to where it is needed, so that others need not wait for it. The command finds out
// by itself what is wrong with it.
func (a *filesAPI) fetchSource(r *http.Request) {
	source := r.URL.Query().Get("arg")
	if commandOf(r) != "files/cp" || !strings.HasPrefix(source, "/ipfs/") {
		return
	}
	ctx := r.Context()
	if limit, err := time.ParseDuration(r.URL.Query().Get("timeout")); err == nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit-sourceReserve)
		defer cancel()
	}
	api, err := coreapi.NewCoreAPI(a.node)
	if err != nil {
		return
	}
	p, err := path.NewPath(strings.TrimRight(source, "/"))
	if err != nil {
		return
	}
	if node, err := api.ResolveNode(ctx, p); err == nil {
		a.files.Prepare(ctx, node.Cid())
	}
}

// keptAnswer is an answer that is sent when it is known to be true.
type keptAnswer struct {
	to     http.ResponseWriter
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (k *keptAnswer) Header() http.Header { return k.header }

// WriteHeader implements http.ResponseWriter.
func (k *keptAnswer) WriteHeader(status int) {
	if k.status == 0 {
		k.status = status
	}
}

// Write implements http.ResponseWriter.
func (k *keptAnswer) Write(p []byte) (int, error) {
	k.WriteHeader(http.StatusOK)
	return k.body.Write(p)
}

// Flush implements http.Flusher, which kubo looks for.
func (k *keptAnswer) Flush() { k.WriteHeader(http.StatusOK) }

// Unwrap lets http.ResponseController reach what is below.
func (k *keptAnswer) Unwrap() http.ResponseWriter { return k.to }

// send sends the answer. An error that came after its first byte is a trailer.
func (k *keptAnswer) send() {
	late := k.header.Get(fault.StreamError)
	k.header.Del(fault.StreamError)
	maps.Copy(k.to.Header(), k.header)
	if k.status != 0 {
		k.to.WriteHeader(k.status)
	}
	_, _ = k.to.Write(k.body.Bytes()) // the client is gone if this fails
	if late != "" {
		k.to.Header().Set(fault.StreamError, late)
	}
}

// fail sends an error in the place of the answer.
func (k *keptAnswer) fail(err error) {
	for _, name := range []string{fault.StreamError, "Trailer", "X-Chunked-Output", "X-Stream-Output"} {
		k.header.Del(name)
	}
	maps.Copy(k.to.Header(), k.header)
	writeFailure(k.to, err)
}

// writeFailure answers with an error in kubo's form.
func writeFailure(w http.ResponseWriter, err error) {
	status := fault.Status(err)
	if status == http.StatusConflict { // it is for other peers that the change did not succeed
		status = http.StatusServiceUnavailable
	}
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", fault.RetryAfter)
	}
	fault.WriteKubo(w, status, cmds.Errorf(cmds.ErrNormal, "%s", err))
}
