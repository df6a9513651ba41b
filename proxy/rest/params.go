package rest

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/gorilla/mux"
	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs/boxo/path"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/underlay/underlay/proxy/fault"
)

// badRequest is an error of the client.
func badRequest(format string, args ...any) error {
	return fault.With(http.StatusBadRequest, fmt.Errorf(format, args...))
}

func cidParam(r *http.Request) (api.Cid, error) {
	c, err := api.DecodeCid(mux.Vars(r)["hash"])
	if err != nil {
		return api.CidUndef, badRequest("error decoding Cid: %w", err)
	}
	return c, nil
}

func peerParam(r *http.Request) (peer.ID, error) {
	pid, err := peer.Decode(mux.Vars(r)["peer"])
	if err != nil {
		return "", badRequest("error decoding Peer ID: %w", err)
	}
	return pid, nil
}

// pathParam returns the path of the content that the request names, for example /ipfs/<CID>/a/b.
func pathParam(r *http.Request) (string, error) {
	vars := mux.Vars(r)
	p, err := path.NewPath("/" + vars["keyType"] + "/" + strings.TrimSuffix(vars["path"], "/"))
	if err != nil {
		return "", badRequest("error parsing path: %w", err)
	}
	return p.String(), nil
}

// local tells whether only this peer shall answer.
func local(r *http.Request) (bool, error) { return boolParam(r, "local") }

// boolParam reads a boolean parameter; absent is false.
func boolParam(r *http.Request, name string) (bool, error) {
	v := r.URL.Query().Get(name)
	if v == "" {
		return false, nil
	}
	b, err := strconv.ParseBool(v)
	if err != nil {
		return false, badRequest("parameter %s invalid: %q is neither true nor false", name, v)
	}
	return b, nil
}

// pinTypes parses the filter of /allocations. Any unknown type is refused: the answer to a misspelt filter would
// otherwise look like a pinset that lacks pins.
func pinTypes(s string) (api.PinType, error) {
	var filter api.PinType
	for f := range strings.SplitSeq(s, ",") {
		t := api.PinTypeFromString(f)
		if t == api.BadType {
			return api.BadType, badRequest("invalid filter value %q", f)
		}
		filter |= t
	}
	return filter, nil
}

// statuses parses the filter of /pins; empty means all.
func statuses(s string) (api.TrackerStatus, error) {
	filter := api.TrackerStatusUndefined
	if s == "" {
		return filter, nil
	}
	for f := range strings.SplitSeq(s, ",") {
		st := api.TrackerStatusFromString(f)
		if st == api.TrackerStatusUndefined {
			return filter, badRequest("invalid filter value %q", f)
		}
		filter |= st
	}
	return filter, nil
}

func cids(s string) ([]api.Cid, error) {
	var cids []api.Cid
	for f := range strings.SplitSeq(s, ",") {
		c, err := api.DecodeCid(f)
		if err != nil {
			return nil, badRequest("error decoding Cid: %w", err)
		}
		cids = append(cids, c)
	}
	return cids, nil
}
