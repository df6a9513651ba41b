package psa

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"unicode/utf8"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
)

// maxBody bounds the body of a request, in bytes: what it becomes must fit into a value of the state.
const maxBody = 48 << 10

// readPin reads a pin from the body of a request. Errors name the field.
func readPin(w http.ResponseWriter, r *http.Request) (Pin, error) {
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return Pin{}, fmt.Errorf("read body: %w", err) // too large, or the client has gone
	}
	var body struct {
		Cid     *string            `json:"cid"`
		Name    string             `json:"name"`
		Origins []string           `json:"origins"`
		Meta    map[string]*string `json:"meta"`
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	if err := decoder.Decode(&body); err != nil {
		return Pin{}, bodyFault(err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return Pin{}, badField("body", "more than one JSON value")
	}
	if body.Cid == nil {
		return Pin{}, badField("cid", "is missing")
	}
	pin := Pin{Name: body.Name}
	if pin.Cid, err = api.DecodeCid(*body.Cid); err != nil {
		return pin, badField("cid", "%q is no CID: %w", *body.Cid, err)
	}
	if n := utf8.RuneCountInString(pin.Name); n > maxName {
		return pin, badField("name", "%d characters, at most %d", n, maxName)
	}
	if pin.Origins, err = parseOrigins(body.Origins); err != nil {
		return pin, err
	}
	pin.Meta, err = parseBodyMeta(body.Meta)
	return pin, err
}

// bodyFault names the field of a body that cannot be decoded.
func bodyFault(err error) error {
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && wrong.Field != "" {
		return badField(wrong.Field, "a JSON %s does not belong here", wrong.Value)
	}
	return badField("body", "no JSON object: %w", err)
}

// parseOrigins reads where the content is to be had. Clients list all addresses of their node, which may be more than
// the specification allows, and an address twice: of those the first ones are used.
func parseOrigins(texts []string) ([]api.Multiaddr, error) {
	var origins []api.Multiaddr
	for i, s := range texts {
		at := fmt.Sprintf("origins[%d]", i)
		addr, err := ma.NewMultiaddr(s)
		if err != nil {
			return nil, badField(at, "%q is no multiaddr: %w", s, err)
		}
		if _, err := peer.AddrInfoFromP2pAddr(addr); err != nil {
			return nil, badField(at, "%q does not end with /p2p/ and a peer ID: %w", s, err)
		}
		origins = mergeOrigins(origins, []api.Multiaddr{api.NewMultiaddrWithValue(addr)})
	}
	return origins, nil
}

func parseBodyMeta(meta map[string]*string) (map[string]string, error) {
	if len(meta) > maxMeta {
		return nil, badField("meta", "%d items, at most %d", len(meta), maxMeta)
	}
	if len(meta) == 0 {
		return nil, nil
	}
	out := make(map[string]string, len(meta))
	for k, v := range meta {
		if v == nil {
			return nil, badField("meta", "the value of %q is no text", k)
		}
		out[k] = *v
	}
	return out, nil
}
