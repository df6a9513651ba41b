package rpc

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"mime"
	"mime/multipart"
	"net/http"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/underlay/underlay/proxy/member"
)

// toOwner hands a configuration that shall replace another to the peer that it was taken from, since it holds, among what
// is for all, what that peer has for itself: who asks for a configuration, changes it and sends it back may come to two
// different peers. A request that names a peer stays with that one.
func (m members) toOwner(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if commandOf(r) != "config/replace" || r.Header.Get(member.Header) != "" {
			next.ServeHTTP(w, r)
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxSettings))
		if err != nil {
			writeSettingsError(w, err)
			return
		}
		r = r.Clone(r.Context())
		if owner := m.withNode(r.Context(), nodeOf(r.Header.Get("Content-Type"), body)); owner != "" {
			r.Header.Set(member.Header, owner.String())
		}
		if len(body) > 0 {
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		next.ServeHTTP(w, r)
	})
}

// nodeOf returns the identity in a configuration that is the first file of a body, if there is one.
func nodeOf(contentType string, body []byte) string {
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return ""
	}
	file, err := multipart.NewReader(bytes.NewReader(body), params["boundary"]).NextPart()
	if err != nil {
		return ""
	}
	var conf struct{ Identity struct{ PeerID string } }
	_ = json.NewDecoder(file).Decode(&conf) // kubo says what is wrong with it
	return conf.Identity.PeerID
}

// withNode returns the member, other than this peer, whose node has an identity, or nothing if there is none.
func (m members) withNode(ctx context.Context, node string) peer.ID {
	others, err := m.Others(ctx)
	if node == "" || err != nil {
		return ""
	}
	for i, is := range member.Each(others, func(id peer.ID) bool {
		raw, err := m.Ask(ctx, id, "/api/v0/id", nil, nil)
		var answer struct{ ID string }
		return err == nil && json.Unmarshal(raw, &answer) == nil && answer.ID == node
	}) {
		if is {
			return others[i]
		}
	}
	return ""
}
