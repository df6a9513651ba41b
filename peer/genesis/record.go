package genesis

import (
	"context"
	"fmt"
	"strings"
)

// Cell keeps one value for all peers, also for those that do not hear of each other. Its methods may block until ctx ends.
type Cell interface {
	// Read returns the value; empty: there is none yet.
	Read(ctx context.Context) (string, error)
	// Create stores the value unless there is one already, which is no error.
	Create(ctx context.Context, value string) error
}

// Record keeps the first members of a cluster in a cell, so that there can be no others.
type Record struct{ cell Cell }

// NewRecord returns the record in a cell.
func NewRecord(cell Cell) *Record { return &Record{cell} }

// Read returns the first members; empty: nobody has named them yet.
func (r *Record) Read(ctx context.Context) (Set, error) {
	value, err := r.cell.Read(ctx)
	if err != nil || value == "" {
		return nil, err
	}
	set, err := parse(strings.Split(value, ","))
	if err != nil {
		return nil, fmt.Errorf("read the first members of the cluster: %w", err)
	}
	return set, nil
}

// Agree names the first members unless somebody has, and returns those that are named.
func (r *Record) Agree(ctx context.Context, set Set) (Set, error) {
	if err := r.cell.Create(ctx, strings.Join(set.texts(), ",")); err != nil {
		return nil, err
	}
	return r.Read(ctx)
}
