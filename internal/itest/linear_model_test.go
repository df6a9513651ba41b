package itest

import (
	"fmt"
	"math"

	"github.com/anishathalye/porcupine"
)

// linearKind is a kind of request in a recorded history.
type linearKind int

const (
	linearPin linearKind = iota
	linearUnpin
	linearRead
)

func (k linearKind) String() string { return [...]string{"pin", "unpin", "read"}[k] }

// linearInput is a request about one CID. Every pin has a name of its own, so a read tells which pin it saw.
type linearInput struct {
	kind      linearKind
	cid, name string
}

// linearOutput is its answer.
type linearOutput struct {
	outcome outcome
	name    string // of the pin, as read
}

// linearModel is what a client may observe of one CID's pin: the state is the name of the pin, "" without one.
//
// A write with an unknown outcome may take effect at any time after its call, or never: it returns at the end of time,
// and fits every state.
func linearModel() porcupine.Model {
	return porcupine.Model{
		Partition: partitionByCID,
		Init:      func() any { return "" },
		Step: func(state, input, output any) (bool, any) {
			return linearStep(state.(string), input.(linearInput), output.(linearOutput))
		},
		DescribeOperation: func(input, output any) string {
			in, out := input.(linearInput), output.(linearOutput)
			return fmt.Sprintf("%s %s: %s %s", in.kind, in.name, out.outcome, out.name)
		},
	}
}

func linearStep(state string, in linearInput, out linearOutput) (legal bool, next string) {
	switch in.kind {
	case linearPin:
		return out.outcome != absent, in.name
	case linearUnpin:
		legal = out.outcome == unknown || (out.outcome == done) == (state != "")
		return legal, ""
	default:
		return state == out.name, state // out.name is "" when the pin was absent
	}
}

func partitionByCID(history []porcupine.Operation) [][]porcupine.Operation {
	byCID := make(map[string][]porcupine.Operation)
	for _, op := range history {
		cid := op.Input.(linearInput).cid
		byCID[cid] = append(byCID[cid], op)
	}
	parts := make([][]porcupine.Operation, 0, len(byCID))
	for _, part := range byCID {
		parts = append(parts, part)
	}
	return parts
}

// linearOperation is a history's record of a request. Times are nanoseconds on one clock. What tells nothing is left
// out: a read without an answer, and a request that reached nobody.
func linearOperation(client int, in linearInput, out linearOutput, called, returned int64) (op porcupine.Operation, tells bool) {
	if out.outcome == unsent || (out.outcome == unknown && in.kind == linearRead) {
		return op, false
	}
	if out.outcome == unknown {
		returned = math.MaxInt64
	}
	return porcupine.Operation{ClientId: client, Input: in, Output: out, Call: called, Return: returned}, true
}
