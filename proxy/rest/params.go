package rest

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/mux"
	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs/boxo/path"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/underlay/underlay/proxy/fault"
)

// What a pin may carry: it is in every peer's memory for a moment, and in every list.
const (
	maxName     = 4 << 10
	maxMetadata = 64 << 10
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

// pinOptions parses and checks the options of a pin.
func pinOptions(q url.Values) (api.PinOptions, error) {
	var o api.PinOptions
	if err := o.FromQuery(q); err != nil {
		return o, fault.With(http.StatusBadRequest, err)
	}
	if err := checkOptions(q, o); err != nil {
		return o, fault.With(http.StatusBadRequest, err)
	}
	return o, nil
}

// checkOptions finds the faults that the library lets pass: some it repairs in silence (a misspelt mode pins
// recursively), others it reports late, as the server's fault.
func checkOptions(q url.Values, o api.PinOptions) error {
	if mode := q.Get("mode"); mode != "" && mode != "recursive" && mode != "direct" {
		return fmt.Errorf("parameter mode invalid: %q is neither recursive nor direct", mode)
	}
	if allocations := q.Get("user-allocations"); allocations != "" {
		for s := range strings.SplitSeq(allocations, ",") {
			if _, err := peer.Decode(s); err != nil {
				return fmt.Errorf("parameter user-allocations invalid: peer ID %q: %w", s, err)
			}
		}
	}
	if len(o.Name) > maxName {
		return fmt.Errorf("parameter name invalid: %d bytes, at most %d", len(o.Name), maxName)
	}
	metadata := 0
	for key, value := range o.Metadata {
		metadata += len(key) + len(value)
	}
	if metadata > maxMetadata {
		return fmt.Errorf("parameters meta- invalid: %d bytes of metadata, at most %d", metadata, maxMetadata)
	}
	if !o.ExpireAt.IsZero() && o.ExpireAt.Before(time.Now()) {
		return fmt.Errorf("parameter expire-at invalid: %s is in the past", o.ExpireAt.Format(time.RFC3339))
	}
	return checkReplication(o.ReplicationFactorMin, o.ReplicationFactorMax)
}

// checkReplication checks a pair of replication factors. 0 stands for the cluster's default, which only the
// cluster knows: such a pair is not compared here.
func checkReplication(low, high int) error {
	switch {
	case low < -1 || high < -1:
		return errors.New("replication factors must be -1 (everywhere), 0 (the default) or positive")
	case low == 0 || high == 0:
		return nil
	case (low == -1) != (high == -1):
		return errors.New("replication-min and replication-max must both be -1 when one of them is")
	case low > high:
		return fmt.Errorf("replication-min %d is larger than replication-max %d", low, high)
	}
	return nil
}
