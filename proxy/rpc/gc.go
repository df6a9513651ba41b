package rpc

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"net/http"
	"strings"

	cmds "github.com/ipfs/go-ipfs-cmds"
	corecommands "github.com/ipfs/kubo/core/commands"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/underlay/underlay/proxy/fault"
	"github.com/underlay/underlay/proxy/member"
)

// collectAll is repo/gc for the cluster: the request goes to each peer in turn, so that never more than one of them is
// busy with a collection, and what they answer is one answer. A peer that fails does not keep the others from theirs;
// its error comes at the end.
func collectAll(peers member.Peers) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ids, err := member.Everyone(r.Context(), peers)
		if err != nil {
			fault.WriteKuboUnavailable(w, err)
			return
		}
		c := &collection{w: w, r: r, peers: peers, seed: maphash.MakeSeed(), seen: make(map[uint64]struct{})}
		for _, id := range ids {
			err := c.run(id)
			switch {
			case r.Context().Err() != nil, errors.Is(err, errRefused):
				return
			case err != nil:
				c.fail(fmt.Errorf("collect garbage of peer %s: %w", id, err))
			}
		}
		c.finish()
	})
}

// collection is one answer made of those of all peers.
type collection struct {
	w     http.ResponseWriter
	r     *http.Request
	peers member.Peers

	began bool // some of the answer is sent
	done  bool // some peer has collected
	errs  []error
	seed  maphash.Seed
	seen  map[uint64]struct{} // lines that were sent, by their hash: several peers remove the same block
}

// errRefused reports a request that this peer finds wrong, as every other would. That answer is passed on.
var errRefused = errors.New("the request is refused")

// run collects on one peer and passes on what it removes while it does.
func (c *collection) run(id peer.ID) error {
	req := c.r.Clone(c.r.Context())
	req.RequestURI, req.URL.Scheme, req.URL.Host = "", "http", id.String()
	req.Header.Set(member.Header, id.String())
	req.Body, req.ContentLength = http.NoBody, 0
	resp, err := c.peers.Transport().RoundTrip(req)
	if err != nil {
		return fmt.Errorf("%w: %w", member.ErrUnreachable, err)
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusOK:
		c.done = true
		if !c.began {
			copyAnswerHeader(c.w.Header(), resp.Header)
		}
		err = c.relay(resp.Body)
	case resp.StatusCode < http.StatusInternalServerError && id == c.peers.ID():
		copyAnswerHeader(c.w.Header(), resp.Header)
		c.w.WriteHeader(resp.StatusCode)
		_, _ = io.Copy(c.w, resp.Body) // the client is gone if this fails
		return errRefused
	default:
		return fault.KuboOf(resp)
	}
	if late := resp.Trailer.Get(fault.StreamError); late != "" {
		err = errors.Join(err, errors.New(late))
	}
	return err
}

// relay sends the lines of an answer that no other peer's answer had.
func (c *collection) relay(body io.Reader) error {
	lines := bufio.NewReaderSize(body, 64<<10)
	for {
		line, err := lines.ReadSlice('\n')
		if len(line) > 0 && (errors.Is(err, bufio.ErrBufferFull) || c.isNew(line)) {
			c.send(line)
		}
		if lines.Buffered() == 0 && c.began {
			_ = http.NewResponseController(c.w).Flush() // the client is gone if this fails
		}
		switch {
		case err == nil, errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF):
			return nil
		default:
			return fmt.Errorf("it did not finish: %w", err)
		}
	}
}

func (c *collection) isNew(line []byte) bool {
	hash := maphash.Bytes(c.seed, line)
	_, known := c.seen[hash]
	c.seen[hash] = struct{}{}
	return !known
}

// send writes some of the answer, even if nobody reads it any more: what has begun shall end.
func (c *collection) send(some []byte) {
	if !c.began {
		c.began = true
		c.w.Header().Set("Trailer", fault.StreamError)
		c.w.WriteHeader(http.StatusOK)
	}
	_, _ = c.w.Write(some)
}

// fail notes an error for the end, and sends it in between if the client wants that.
func (c *collection) fail(err error) {
	c.errs = append(c.errs, err)
	req, parseErr := gcRequest(c.r)
	if parseErr != nil {
		return
	}
	if stream, _ := req.Options["stream-errors"].(bool); !stream {
		return
	}
	var line bytes.Buffer
	_, encoder, encodeErr := cmds.GetEncoder(req, &line, cmds.JSON)
	if encodeErr == nil {
		encodeErr = encoder.Encode(&corecommands.GcResult{Error: err.Error()})
	}
	if encodeErr == nil && line.Len() > 0 {
		c.send(line.Bytes())
	}
}

// gcRequest is the request as kubo's command sees it.
func gcRequest(r *http.Request) (*cmds.Request, error) {
	path := []string{"repo", "gc"}
	known, err := corecommands.Root.GetOptions(path)
	if err != nil {
		return nil, err
	}
	options := make(cmds.OptMap)
	for name, values := range r.URL.Query() {
		if option, ok := known[name]; ok {
			options[option.Name()] = values[0]
		}
	}
	return cmds.NewRequest(r.Context(), path, options, nil, nil, corecommands.Root)
}

// finish ends the answer as kubo's command does: with an error of its own if there is no output before it.
func (c *collection) finish() {
	failure := joinTexts(c.errs)
	switch {
	case !c.done && fault.Status(c.errs[0]) == http.StatusServiceUnavailable:
		fault.WriteKuboUnavailable(c.w, failure)
	case !c.began && failure != nil:
		c.w.Header().Del("X-Chunked-Output") // of the peers that had nothing to remove
		fault.WriteKubo(c.w, http.StatusInternalServerError, cmds.Errorf(cmds.ErrNormal, "%s", failure))
	case !c.began:
		c.send(nil)
	case failure != nil:
		c.w.Header().Set(fault.StreamError, failure.Error())
	}
}

// copyAnswerHeader copies what an answer says of itself, without what it says of its connection and of who gave it.
func copyAnswerHeader(to, from http.Header) {
	for name, values := range from {
		switch name {
		case "Connection", "Content-Length", "Date", member.ExposeHeader, member.Header:
		default:
			to[name] = values
		}
	}
	if exposed := from.Get(member.ExposeHeader); exposed != "" {
		to.Set(member.ExposeHeader, strings.TrimSuffix(exposed, ", "+member.Header)) // it is put there again
	}
}
