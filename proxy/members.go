package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// askTimeout is how long a peer may take to answer a question about its node.
const askTimeout = 5 * time.Second

// nodePath is where a peer answers what the others ask about its own node. Only members get there, so there is nothing
// more to prove: what a client may do is checked by the peer that it came to.
const nodePath = "/node"

// errUnreachable says that a peer gave no answer, or not all of it.
var errUnreachable = errors.New("it cannot be reached")

// everyone lists the members: this peer, then the others in the order of their IDs.
func everyone(ctx context.Context, peers Peers) ([]peer.ID, error) {
	names, err := peers.Names(ctx)
	if err != nil {
		return nil, err
	}
	delete(names, peers.ID())
	ids := []peer.ID{peers.ID()}
	for id := range names {
		ids = append(ids, id)
	}
	slices.Sort(ids[1:])
	return ids, nil
}

// members asks the members of the cluster about their nodes.
type members struct{ Peers }

// others lists all members but this peer, and those that have not answered for the request of ctx before: each of them
// is waited for once.
func (m members) others(ctx context.Context) ([]peer.ID, error) {
	ids, err := everyone(ctx, m.Peers)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(ids[1:], func(id peer.ID) bool { return isMissing(ctx, id) }), nil
}

// call asks a peer, which may be this one. An answer that is not a success is an error. The caller closes the answer.
func (m members) call(ctx context.Context, id peer.ID, path string, query url.Values, body io.Reader) (*http.Response, error) {
	target := url.URL{Scheme: "http", Host: id.String(), Path: nodePath + path, RawQuery: query.Encode()}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target.String(), body)
	if err != nil {
		return nil, fmt.Errorf("ask peer %s: %w", id, err)
	}
	resp, err := m.Transport().RoundTrip(req)
	if err != nil {
		return nil, fmt.Errorf("ask peer %s: %w: %w", id, errUnreachable, err)
	}
	if resp.StatusCode != http.StatusOK {
		defer resp.Body.Close()
		return nil, fmt.Errorf("ask peer %s: %w", id, kuboErrorOf(resp))
	}
	return resp, nil
}

// ask is call for a short answer, which it reads.
func (m members) ask(ctx context.Context, id peer.ID, path string, query url.Values, body io.Reader) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	resp, err := m.call(ctx, id, path, query, body)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("read the answer of peer %s: %w: %w", id, errUnreachable, err)
	}
	return answer, nil
}

// each calls f for every peer of the list at once, and returns what it gives in their order.
func each[T any](ids []peer.ID, f func(peer.ID) T) []T {
	results := make([]T, len(ids))
	var running sync.WaitGroup
	for i, id := range ids {
		running.Go(func() { results[i] = f(id) })
	}
	running.Wait()
	return results
}
