package peer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/underlay/underlay/consensus"
)

// machineTimeout bounds the question which machine this is: what runs on it may be asked, but is not waited for.
const machineTimeout = time.Second

// Machines knows the machines that peers run on. Its methods may block until ctx ends.
type Machines interface {
	// Machine returns the name of the machine that this process runs on. No other one ever has it.
	Machine(ctx context.Context) (string, error)
	// Gone returns nil if a machine will never run again, and else why that is not sure.
	Gone(ctx context.Context, machine string) error
}

// errUnwatched says why a member that does not answer keeps its place.
var errUnwatched = errors.New("nobody can tell whether its machine is gone: remove the member if it is")

// slotOf returns the slot that a peer's record names. Records of older versions name none.
func slotOf(r consensus.MemberRecord) string {
	m, err := decodeMember(r)
	if err != nil || m.Removed {
		return ""
	}
	return m.Slot
}

// gone returns nil if the machine that a record names is gone for good, and else why that is not sure.
func (p *Peer) gone(ctx context.Context, r consensus.MemberRecord) error {
	m, err := decodeMember(r)
	switch {
	case err != nil:
		return err
	case p.opts.Machines == nil || m.Machine == "":
		return errUnwatched
	}
	if err := p.opts.Machines.Gone(ctx, m.Machine); err != nil {
		return fmt.Errorf("machine %s: %w", m.Machine, err)
	}
	return nil
}

// machine is the one that this peer runs on, which has one name for as long as the process runs.
type machine struct {
	of     Machines
	logger *slog.Logger

	mu    sync.Mutex
	known string
	told  bool // that it cannot be known
}

// name returns the machine's name; empty: it is not known yet, or never will be.
func (m *machine) name(ctx context.Context) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.of == nil || m.known != "" {
		return m.known
	}
	ctx, cancel := context.WithTimeout(ctx, machineTimeout)
	defer cancel()
	var err error
	if m.known, err = m.of.Machine(ctx); err != nil && !m.told && ctx.Err() == nil {
		m.told = true
		m.logger.Warn("cannot find out which machine this is, so no new peer can take this one's place by itself; will try again", "error", err)
	}
	return m.known
}
