package proxy

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/underlay/underlay/consensus"
)

// A pin whose time is over answers as kubo does; one whose commit may have happened says so.
func TestRPCPinOutOfTime(t *testing.T) {
	for _, c := range []struct {
		name   string
		fails  error
		status int
		text   string
	}{
		{"while blocks are fetched", fmt.Errorf("fetch it: %w", context.DeadlineExceeded), http.StatusInternalServerError, "pin: context deadline exceeded"},
		{"while it is committed", consensus.ErrUnknownOutcome, http.StatusGatewayTimeout, ""},
		{"without a leader", consensus.ErrNoLeader, http.StatusServiceUnavailable, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRPCRig(t)
			root := branch(t, "root")
			r.store(root)
			r.pinset.behave(func(s *mapPinset) { s.pinFails = c.fails })
			var fault kuboError
			reply := r.post("pin/add", []string{root.Cid().String()}, "timeout", "50ms")
			reply.decode(t, &fault)
			if reply.StatusCode != c.status || (c.text != "" && fault.Message != c.text) {
				t.Errorf("status %d, %+v", reply.StatusCode, fault)
			}
		})
	}
}
