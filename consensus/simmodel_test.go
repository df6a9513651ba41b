package consensus

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/ipfs-cluster/ipfs-cluster/state"
)

const (
	// simGroups of simSlots CIDs each: calls touch CIDs of one group only, so
	// every group has a history of its own.
	simGroups = 3
	simSlots  = 2
)

// simState is the name of the pin in each slot of a group, "" if there is none.
// Every pin of a simulation has another name.
type simState [simSlots]string

// simSub is one operation of a call.
type simSub struct {
	slot   int
	unpin  bool
	name   string
	cond   bool
	ifName string // with cond: the name of the pin that must be there
}

// simInput is a call on a group: operations, or a read of one slot or of all.
type simInput struct {
	group  int
	atomic bool
	subs   []simSub
	slot   int // to read; -1: all
}

// simOutput is what a call came to.
type simOutput struct {
	unknown bool
	codes   string // of the operations
	names   simState
}

// Results of operations.
const (
	simOK         = '.'
	simNotFound   = 'n'
	simConflict   = 'c'
	simNotApplied = 'a'
)

func simCode(err error) (byte, error) {
	switch {
	case err == nil:
		return simOK, nil
	case errors.Is(err, state.ErrNotFound):
		return simNotFound, nil
	case errors.Is(err, ErrConflict):
		return simConflict, nil
	case errors.Is(err, ErrNotApplied):
		return simNotApplied, nil
	default:
		return 0, fmt.Errorf("unexpected result of an operation: %w", err)
	}
}

// simStep is the pinset as it should be: what a call does to a group.
func simStep(before simState, in simInput) (after simState, codes string) {
	after = before
	results := make([]byte, len(in.subs))
	failed := false
	for i, s := range in.subs {
		switch {
		case s.cond && after[s.slot] != s.ifName:
			results[i] = simConflict
		case s.unpin && after[s.slot] == "":
			results[i] = simNotFound
		default:
			results[i] = simOK
			after[s.slot] = s.name // "" for an unpin
		}
		failed = failed || results[i] != simOK
	}
	if in.atomic && failed {
		after = before
		for i := range results {
			if results[i] == simOK {
				results[i] = simNotApplied
			}
		}
	}
	return after, string(results)
}

func simModel() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return simState{} },
		Step: func(s, in, out any) (bool, any) {
			before, input, output := s.(simState), in.(simInput), out.(simOutput)
			if len(input.subs) == 0 {
				if input.slot >= 0 {
					return before[input.slot] == output.names[input.slot], before
				}
				return before == output.names, before
			}
			after, codes := simStep(before, input)
			return output.unknown || codes == output.codes, after
		},
		DescribeOperation: func(in, out any) string { return fmt.Sprintf("%+v -> %+v", in, out) },
	}
}

// history records calls, in an order that real time could have.
type history struct {
	clock atomic.Int64

	mu        sync.Mutex
	ops       [simGroups][]porcupine.Operation
	revisions map[string]uint64 // of pins, by name
	faults    []error
}

// add records a call that began at a time and has ended now, or has an unknown
// outcome and may take effect at any later time.
func (h *history) add(client int, begin int64, in simInput, out simOutput) {
	end := h.clock.Add(1)
	if out.unknown {
		end = math.MaxInt64
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ops[in.group] = append(h.ops[in.group], porcupine.Operation{
		ClientId: client, Input: in, Call: begin, Output: out, Return: end,
	})
}

// revision records at which revision a pin was seen. A pin that was committed
// once has one.
func (h *history) revision(name string, revision uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.revisions == nil {
		h.revisions = make(map[string]uint64)
	}
	if old, ok := h.revisions[name]; ok && old != revision {
		h.faults = append(h.faults, fmt.Errorf("pin %q has revision %d and had %d", name, revision, old))
	}
	h.revisions[name] = revision
}

// check reports why the history is not linearizable. It takes real time: call it
// outside the bubble.
func (h *history) check() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	faults := h.faults
	for g, ops := range h.ops {
		switch porcupine.CheckOperationsTimeout(simModel(), ops, time.Minute) {
		case porcupine.Illegal:
			faults = append(faults, fmt.Errorf("history of group %d is not linearizable:%s", g, describe(ops)))
		case porcupine.Unknown:
			faults = append(faults, fmt.Errorf("history of group %d took too long to check", g))
		}
	}
	return errors.Join(faults...)
}

func describe(ops []porcupine.Operation) string {
	s := ""
	for _, o := range ops {
		end := fmt.Sprint(o.Return)
		if o.Return == math.MaxInt64 {
			end = "?"
		}
		s += fmt.Sprintf("\n\tclient %d %d..%s %s", o.ClientId, o.Call, end, simModel().DescribeOperation(o.Input, o.Output))
	}
	return s
}
