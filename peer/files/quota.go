package files

import (
	"context"
	"fmt"
	"net/http"

	"github.com/underlay/underlay/consensus"
)

// overQuota refuses to make the files larger. They belong to all and count for nobody, so whoever may keep a limited number
// of bytes can rearrange them and make them smaller only.
type overQuota struct{ account consensus.Account }

// Error implements error.
func (e overQuota) Error() string {
	return fmt.Sprintf("over quota: %s may keep %d bytes (max_bytes); the files count for nobody, so it may not make them larger",
		e.account.Name, e.account.MaxBytes)
}

// HTTPStatus tells the APIs how to answer.
func (overQuota) HTTPStatus() int { return http.StatusInsufficientStorage }

// limited returns an error if whoever makes the request of ctx may not make the files larger.
func limited(ctx context.Context) error {
	if a, ok := consensus.AccountOf(ctx); ok && a.MaxBytes > 0 {
		return overQuota{a}
	}
	return nil
}

// checkGrowth refuses what an operation has done if it has made the files larger and may not. The caller has the turn.
func (f *Files) checkGrowth(ctx context.Context, w *writer) error {
	refusal := limited(ctx)
	if refusal == nil {
		return nil
	}
	after, err := w.root.GetDirectory().GetNode()
	if err != nil {
		return fmt.Errorf("store the root directory of the files: %w", err)
	}
	before, err := f.opts.Node.DAG.Get(f.ctx, w.live)
	if err != nil {
		return fmt.Errorf("read the root directory of the files: %w", err)
	}
	was, err := before.Size()
	if err != nil {
		return fmt.Errorf("measure the files: %w", err)
	}
	if is, err := after.Size(); err != nil {
		return fmt.Errorf("measure the files: %w", err)
	} else if is > was {
		return refusal
	}
	return nil
}
