package reconcile

import (
	"log/slog"
	"time"

	"github.com/ipfs/go-cid"
)

// complaintPause is the least time between two warnings that pins fail: one fault, such as a full disk, fails all of them.
const complaintPause = time.Minute

// complaints tells of pins that fail: of the first at once, of further ones after a pause, together. Each is told at level
// debug, and has its error in the status. The caller holds the reconciler's lock.
type complaints struct {
	log    *slog.Logger
	last   time.Time
	others int // that have failed since
}

func (t *complaints) add(now time.Time, c cid.Cid, attempt int, wait time.Duration, err error) {
	t.log.Debug("pin is not as the pinset wants it; will retry", "cid", c, "attempt", attempt, "retry_in", wait, "error", err)
	if now.Sub(t.last) < complaintPause {
		t.others++
		return
	}
	t.log.Warn("pins are not as the pinset wants them, and are tried again; their status says why",
		"cid", c, "attempt", attempt, "error", err, "other_failures", t.others)
	t.last, t.others = now, 0
}
