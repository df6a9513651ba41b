package member

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

	"github.com/underlay/underlay/proxy/fault"
)

// AskTimeout is how long a peer may take to answer a question about its node.
const AskTimeout = 5 * time.Second

// NodePath is where a peer answers what the others ask about its own node. Only members get there, so there is nothing
// more to prove: what a client may do is checked by the peer that it came to.
const NodePath = "/node"

// ConsensusPath is where members, and clients of the REST API, ask for a peer's part in the consensus.
const ConsensusPath = "/health/consensus"

// ErrUnreachable says that a peer gave no answer, or not all of it.
var ErrUnreachable = errors.New("it cannot be reached")

// Everyone lists the members: this peer, then the others in the order of their IDs.
func Everyone(ctx context.Context, peers Peers) ([]peer.ID, error) {
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

// Group asks the members of the cluster about their nodes.
type Group struct{ Peers }

// Others lists all members but this peer, and those that have not answered for the request of ctx before: each of them
// is waited for once.
func (m Group) Others(ctx context.Context) ([]peer.ID, error) {
	ids, err := Everyone(ctx, m.Peers)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(ids[1:], func(id peer.ID) bool { return isMissing(ctx, id) }), nil
}

// Call asks a peer, which may be this one. An answer that is not a success is an error. The caller closes the answer.
func (m Group) Call(ctx context.Context, id peer.ID, path string, query url.Values, body io.Reader) (*http.Response, error) {
	target := url.URL{Scheme: "http", Host: id.String(), Path: NodePath + path, RawQuery: query.Encode()}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target.String(), body)
	if err != nil {
		return nil, fmt.Errorf("ask peer %s: %w", id, err)
	}
	resp, err := m.Transport().RoundTrip(req)
	if err != nil {
		return nil, fmt.Errorf("ask peer %s: %w: %w", id, ErrUnreachable, err)
	}
	if resp.StatusCode != http.StatusOK {
		defer resp.Body.Close()
		return nil, fmt.Errorf("ask peer %s: %w", id, fault.KuboOf(resp))
	}
	return resp, nil
}

// Ask is Call for a short answer, which it reads.
func (m Group) Ask(ctx context.Context, id peer.ID, path string, query url.Values, body io.Reader) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, AskTimeout)
	defer cancel()
	resp, err := m.Call(ctx, id, path, query, body)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("read the answer of peer %s: %w: %w", id, ErrUnreachable, err)
	}
	return answer, nil
}

// Each calls f for every peer of the list at once, and returns what it gives in their order.
func Each[T any](ids []peer.ID, f func(peer.ID) T) []T {
	results := make([]T, len(ids))
	var running sync.WaitGroup
	for i, id := range ids {
		running.Go(func() { results[i] = f(id) })
	}
	running.Wait()
	return results
}
