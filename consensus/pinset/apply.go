package pinset

import (
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"github.com/hashicorp/raft"
)

// Reply is what the machine answers to a proposed entry.
type Reply struct {
	// Index of the entry whose operations took effect: an earlier one, if this
	// entry repeats it.
	Index uint64
	// Packed holds the results, see UnpackResults.
	Packed []byte
	// Forgotten means that the entry may repeat one whose outcome is no longer
	// known. It was not applied.
	Forgotten bool
	// Err is why the machine has stopped, and whether the entry was applied is
	// unknown.
	Err error
}

// Apply implements raft.FSM.
func (m *Machine) Apply(l *raft.Log) any { return m.ApplyBatch([]*raft.Log{l})[0] }

// ApplyBatch implements raft.BatchingFSM: all entries and the applied index
// become visible together, and reach the disk together. It answers with a Reply
// for each entry that holds operations and is new.
func (m *Machine) ApplyBatch(logs []*raft.Log) []any {
	replies := make([]any, len(logs))
	a := application{Machine: m, batch: m.db.NewBatch(), slots: make(map[string]*slot), index: m.applied.get()}
	defer a.batch.Close()
	for i, l := range logs {
		// Entries without data only carry the commit index to the followers,
		// and those up to the applied index come again after a restart.
		if l.Type != raft.LogCommand || len(l.Data) == 0 || l.Index <= a.index {
			continue
		}
		if m.broken != nil {
			break
		}
		r, err := a.apply(l)
		if err != nil {
			m.fail(fmt.Errorf("apply entry %d: %w", l.Index, err))
		}
		replies[i] = r
	}
	if m.broken == nil {
		if err := a.commit(); err != nil {
			m.fail(fmt.Errorf("apply up to entry %d: %w", a.index, err))
		}
	}
	if m.broken != nil {
		for i := range replies {
			replies[i] = Reply{Err: m.broken}
		}
	}
	return replies
}

// application is one ApplyBatch under way. Operations change slots only; commit
// writes what came out of them.
type application struct {
	*Machine
	batch *pebble.Batch
	index uint64           // last entry applied
	slots map[string]*slot // by key
	undo  []undo           // of the call under way, if it is atomic

	events []Event
	first  int // event of the entry under way
}

func (a *application) apply(l *raft.Log) (Reply, error) {
	e, err := decodeEntry(l.Data)
	if err != nil {
		return Reply{}, err
	}
	a.index, a.first = l.Index, len(a.events)
	switch o, v := a.clients.lookup(e.client, e.seq); v {
	case entryRepeated:
		return Reply{Index: o.index, Packed: o.packed}, nil
	case entryForgotten:
		return Reply{Forgotten: true}, nil
	}
	var codes []byte
	for _, call := range e.calls {
		results, err := a.applyCall(call)
		if err != nil {
			return Reply{}, err
		}
		codes = append(codes, results...)
	}
	o := outcome{index: l.Index, packed: packResults(codes)}
	if err := a.clients.record(a.batch, e.client, e.seq, o); err != nil {
		return Reply{}, fmt.Errorf("record outcome: %w", err)
	}
	return Reply{Index: o.index, Packed: o.packed}, nil
}

// applyCall applies the operations in order, each seeing what those before it
// did. If one of an atomic call fails, all are undone.
func (a *application) applyCall(call entryCall) ([]byte, error) {
	a.undo = a.undo[:0]
	before := len(a.events)
	codes := make([]byte, len(call.ops))
	failed := false
	for i := range call.ops {
		op := &call.ops[i]
		code, err := a.applyOp(op)
		if err != nil {
			return nil, fmt.Errorf("operation %d on %s: %w", i, op.describe(), err)
		}
		codes[i] = code
		failed = failed || code != resultOK
	}
	if !call.atomic || !failed {
		return codes, nil
	}
	for i := len(a.undo) - 1; i >= 0; i-- {
		a.undo[i].slot.version = a.undo[i].before
	}
	a.events = a.events[:before]
	for i, code := range codes {
		if code == resultOK {
			codes[i] = resultNotApplied
		}
	}
	return codes, nil
}

func (a *application) applyOp(op *entryOp) (byte, error) {
	if op.kind == OpSetMember || op.kind == OpDelMember {
		return resultOK, a.applyMember(op)
	}
	s, err := a.slot(op.storeKey())
	if err != nil {
		return 0, err
	}
	if op.hasCondition && op.revision != s.revision {
		return resultConflict, nil
	}
	switch {
	case op.kind == OpSettle:
		return a.settle(op, s)
	case op.kind.removes():
		return a.remove(op, s)
	case op.charge != nil:
		if code, err := a.charge(op, s); err != nil || code != resultOK {
			return code, err
		}
	}
	v := version{value: appendStored(nil, a.index, op.value), revision: a.index, touched: true}
	if op.kind == OpPin {
		v.index = indexKeys(op.pin)
	}
	a.change(s, v)
	a.note(op)
	return resultOK, nil
}

// remove takes away what the operation is about, if it is there.
func (a *application) remove(op *entryOp, s *slot) (byte, error) {
	if s.value == nil {
		return resultNotFound, nil
	}
	a.change(s, version{touched: true})
	a.note(op)
	if op.kind != OpUnpin {
		return resultOK, nil
	}
	return resultOK, a.giveBack(op.pin.Cid)
}

// note remembers a change of the pinset.
func (a *application) note(op *entryOp) {
	if op.kind != OpPin && op.kind != OpUnpin {
		return
	}
	at := Position{a.index, uint64(len(a.events)-a.first) + 1} //nolint:gosec // a length
	a.events = append(a.events, Event{At: at, Kind: op.kind, Cid: op.pin.Cid, Name: op.pin.Name})
}

// storeKey returns the key in the store of the pin or value that the operation
// is about.
func (op *entryOp) storeKey() []byte {
	if op.kind == OpSetValue || op.kind == OpDelValue {
		return valueKey(op.key)
	}
	return pinKey(op.pin.Cid)
}

func (a *application) applyMember(op *entryOp) error {
	s, err := a.slot(append([]byte{keyMember}, op.member.ID...))
	if err != nil {
		return err
	}
	v := version{touched: true}
	if op.kind == OpSetMember {
		// Never nil: an empty record is a record.
		v.value = append([]byte{}, op.member.Record...)
	}
	if !v.equal(s.version) {
		a.change(s, v)
	}
	return nil
}
