package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/underlay/underlay/internal/client"
	"github.com/underlay/underlay/internal/human"
	"github.com/underlay/underlay/internal/pause"
)

// The pauses between two looks at the status.
const (
	firstPause = 50 * time.Millisecond
	mostPause  = 2 * time.Second
)

// holders counts the peers that shall hold a pin and those that do. It is over when all do.
func holders(info client.PinStatus) (have, want int) {
	for _, p := range info.Peers {
		switch p.Status {
		case client.Pinned:
			have, want = have+1, want+1
		case client.Remote, client.Sharded:
		default:
			want++
		}
	}
	return have, want
}

// isGone tells whether no peer that answers knows anything of a pin.
func isGone(info client.PinStatus) bool {
	for _, p := range info.Peers {
		if p.Status != client.Unpinned && p.Status != client.ClusterError {
			return false
		}
	}
	return true
}

// awaitHolders returns when every peer that shall hold the pins does. The peers try for ever, so a fault on the way is
// shown but ends nothing.
func awaitHolders(ctx context.Context, s *session, cids []string) error {
	return await(ctx, s, "pinning", cids, func(info client.PinStatus) (have, want int, err error) {
		if isGone(info) {
			return 0, 0, fmt.Errorf("%s: %w: the pin was removed meanwhile", info.Cid, errNotFound)
		}
		have, want = holders(info)
		return have, want, nil
	})
}

// awaitGone returns when no peer holds the pins.
func awaitGone(ctx context.Context, s *session, cids []string) error {
	return await(ctx, s, "unpinning", cids, func(info client.PinStatus) (have, want int, err error) {
		for _, p := range info.Peers {
			want++
			if p.Status == client.Unpinned || p.Status == client.Remote {
				have++
			}
		}
		return have, want, nil
	})
}

// await looks at the status of pins until measure says that each has all that it wants.
func await(ctx context.Context, s *session, what string, cids []string, measure func(client.PinStatus) (have, want int, err error)) error {
	slices.Sort(cids)
	left := slices.Compact(cids)
	total := uint64(len(left))
	var last client.PinStatus // of a pin that is not done
	for wait := firstPause; ; wait = min(2*wait, mostPause) {
		var undone []string
		var fetched fetched
		have, want := 0, 0
		err := s.api.Statuses(ctx, left, func(info client.PinStatus) error {
			h, w, err := measure(info)
			if err != nil {
				return err
			}
			have, want = have+h, want+w
			fetched.add(info)
			if h < w {
				undone, last = append(undone, info.Cid), info
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
			s.bar.show(what, uint64(have), uint64(want), fmt.Sprintf("%d of %s%s", have, human.Plural(want, "peer"), fetched))
		} else {
			s.bar.show(what, done, total, fmt.Sprintf("%d of %s%s", done, human.Plural(int(total), "pin"), fetched))
		}
		if !pause.For(ctx, wait) {
			return notYet(ctx, last, len(left))
		}
	}
}

// fetched counts what the peers have fetched so far of pins that they do not hold yet.
type fetched struct {
	nodes int
	bytes uint64
}

func (f *fetched) add(info client.PinStatus) {
	for _, p := range info.Peers {
		f.nodes += p.Progress.Nodes
		f.bytes += p.Progress.Bytes
	}
}

// String continues a line of progress; it is empty while nothing was fetched.
func (f fetched) String() string {
	if f.nodes == 0 {
		return ""
	}
	return fmt.Sprintf(", fetched %s, %s", human.Size(f.bytes), human.Plural(f.nodes, "node"))
}

// waited prints, for machines, how a pin stands at the end.
func (s *session) waited(info client.PinStatus, done bool) error {
	if !done || !s.json {
		return nil
	}
	return s.object(info)
}

// notYet says what was missing when the time was over.
func notYet(ctx context.Context, info client.PinStatus, pins int) error {
	if info.Cid == "" {
		return waitError{"how far the peers are is not known", context.Cause(ctx)}
	}
	have, want := holders(info)
	text := fmt.Sprintf("%s: %d of %d peers hold it", info.Cid, have, want)
	var missing []string
	for id, p := range info.Peers {
		if p.Status != client.Pinned && p.Status != client.Remote {
			missing = append(missing, peerLabel(id, p)+" "+reason(p))
		}
	}
	slices.Sort(missing)
	if len(missing) > 0 {
		text += " (" + strings.Join(missing, ", ") + ")"
	}
	if pins > 1 {
		text += fmt.Sprintf(", and %s more", human.Plural(pins-1, "pin"))
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
func peerLabel(id string, p client.PeerStatus) string {
	if p.Name != "" {
		return printable(p.Name)
	}
	return id
}

// reason says how a peer stands with a pin.
func reason(p client.PeerStatus) string {
	if p.Error != "" {
		return string(p.Status) + ": " + printable(p.Error)
	}
	return string(p.Status)
}
