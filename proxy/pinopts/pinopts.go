// Package pinopts reads what clients want of a pin, and refuses what cannot be meant.
//
// Start reading at [Parse].
package pinopts

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/underlay/underlay/proxy/fault"
)

// What a pin may carry: it is in every peer's memory for a moment, and in every list.
const (
	maxName     = 4 << 10
	maxMetadata = 64 << 10
)

// Parse reads and checks the options of a pin, by the names that the REST API has for them. Errors are the client's.
func Parse(q url.Values) (api.PinOptions, error) {
	var o api.PinOptions
	if err := o.FromQuery(q); err != nil {
		return o, fault.With(http.StatusBadRequest, err)
	}
	if err := Check(q, o); err != nil {
		return o, fault.With(http.StatusBadRequest, err)
	}
	return o, nil
}

// Check finds the faults that the library lets pass: some it repairs in silence (a misspelt mode pins
// recursively), others it reports late, as the server's fault.
func Check(q url.Values, o api.PinOptions) error {
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
	return CheckReplication(o.ReplicationFactorMin, o.ReplicationFactorMax)
}

// CheckReplication checks a pair of replication factors. 0 stands for the cluster's default, which only the
// cluster knows: such a pair is not compared here.
func CheckReplication(low, high int) error {
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
