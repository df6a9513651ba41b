package reconcile

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
)

// However many pins fail for one reason, there is a warning at once and then one a minute.
func TestFailingPinsAreToldTogether(t *testing.T) {
	var out bytes.Buffer
	told := complaints{log: slog.New(slog.NewTextHandler(&out, nil))}
	now := time.Unix(1000, 0)
	for range 1000 {
		told.add(now, cid.Undef, 1, time.Second, errors.New("no space left"))
		now = now.Add(100 * time.Millisecond)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], "no space left") || !strings.Contains(lines[1], "other_failures=599") {
		t.Errorf("%d lines: %s", len(lines), out.String())
	}
}
