package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
)

// The pauses between two looks at the status.
const (
	firstPause = 50 * time.Millisecond
	mostPause  = 2 * time.Second
)

// holders counts the peers that shall hold a pin and those that do. It is over when all do.
func holders(info api.GlobalPinInfo) (have, want int) {
	for _, p := range info.PeerMap {
		switch p.Status {
		case api.TrackerStatusPinned:
			have, want = have+1, want+1
		case api.TrackerStatusRemote, api.TrackerStatusSharded:
		default:
			want++
		}
	}
	return have, want
}

// isGone tells whether no peer that answers knows anything of a pin.
func isGone(info api.GlobalPinInfo) bool {
	for _, p := range info.PeerMap {
		if p.Status != api.TrackerStatusUnpinned && p.Status != api.TrackerStatusClusterError {
			return false
		}
	}
	return true
}

// awaitHolders returns when every peer that shall hold the pins does. The peers try for ever, so a fault on the way is
// shown but ends nothing.
func awaitHolders(ctx context.Context, s *session, cids []string) error {
	return await(ctx, s, "pinning", cids, func(info api.GlobalPinInfo) (have, want int, err error) {
		if isGone(info) {
			return 0, 0, fmt.Errorf("%s: %w: the pin was removed meanwhile", info.Cid, errNotFound)
		}
		have, want = holders(info)
		return have, want, nil
	})
}

// awaitGone returns when no peer holds the pins.
func awaitGone(ctx context.Context, s *session, cids []string) error {
	return await(ctx, s, "unpinning", cids, func(info api.GlobalPinInfo) (have, want int, err error) {
		for _, p := range info.PeerMap {
			want++
			if p.Status == api.TrackerStatusUnpinned || p.Status == api.TrackerStatusRemote {
				have++
			}
		}
		return have, want, nil
	})
}

// await looks at the status of pins until measure says that each has all that it wants.
func await(ctx context.Context, s *session, what string, cids []string, measure func(api.GlobalPinInfo) (have, want int, err error)) error {
	slices.Sort(cids)
	left := slices.Compact(cids)
	total := uint64(len(left))
	var last api.GlobalPinInfo // of a pin that is not done
	for wait := firstPause; ; wait = min(2*wait, mostPause) {
		var undone []string
		have, want := 0, 0
		err := s.api.Statuses(ctx, left, func(info api.GlobalPinInfo) error {
			h, w, err := measure(info)
			if err != nil {
				return err
			}
			have, want = have+h, want+w
			if h < w {
				undone, last = append(undone, info.Cid.String()), info
			}
			return s.waited(info, h == w)
		})
		switch {
		case ctx.Err() != nil:
			return notYet(ctx, last, len(left))
		case err != nil:
			return err
		case len(undone) == 0:
			return nil
		}
		left = undone
		if done := total - uint64(len(left)); total == 1 {
			s.bar.show(what, uint64(have), uint64(want), fmt.Sprintf("%d of %s", have, plural(want, "peer")))
		} else {
			s.bar.show(what, done, total, fmt.Sprintf("%d of %s", done, plural(int(total), "pin")))
		}
		if !pause(ctx, wait) {
			return notYet(ctx, last, len(left))
		}
	}
}

// waited prints, for machines, how a pin stands at the end.
func (s *session) waited(info api.GlobalPinInfo, done bool) error {
	if !done || !s.json {
		return nil
	}
	return s.object(info)
}

// notYet says what was missing when the time was over.
func notYet(ctx context.Context, info api.GlobalPinInfo, pins int) error {
	if !info.Defined() {
		return waitError{"how far the peers are is not known", context.Cause(ctx)}
	}
	have, want := holders(info)
	text := fmt.Sprintf("%s: %d of %d peers hold it", info.Cid, have, want)
	var missing []string
	for id, p := range info.PeerMap {
		if p.Status != api.TrackerStatusPinned && p.Status != api.TrackerStatusRemote {
			missing = append(missing, peerLabel(id, p)+" "+reason(p))
		}
	}
	slices.Sort(missing)
	if len(missing) > 0 {
		text += " (" + strings.Join(missing, ", ") + ")"
	}
	if pins > 1 {
		text += fmt.Sprintf(", and %s more", plural(pins-1, "pin"))
	}
	return waitError{text, context.Cause(ctx)}
}

// waitError says what a wait that has ended waited for; why it ended, whoever bounds it says.
type waitError struct {
	text string
	why  error
}

// Error implements error.
func (e waitError) Error() string { return e.text }

// Unwrap returns why the wait has ended.
func (e waitError) Unwrap() error { return e.why }

// peerLabel is what a person calls a peer.
func peerLabel(id string, p api.PinInfoShort) string {
	if p.PeerName != "" {
		return printable(p.PeerName)
	}
	return id
}

// reason says how a peer stands with a pin.
func reason(p api.PinInfoShort) string {
	if p.Error != "" {
		return p.Status.String() + ": " + printable(p.Error)
	}
	return p.Status.String()
}
