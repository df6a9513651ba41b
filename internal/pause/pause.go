// Package pause waits a while, unless nobody wants to wait any more.
package pause

import (
	"context"
	"time"
)

// For waits for d and returns true, or returns false when ctx ends first.
func For(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
