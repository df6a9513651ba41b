package consensus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// replace runs a story about a cluster of three, one of which falls silent, and a
// fourth peer of the same slot that joins; then it checks them all.
func replace(t *testing.T, story func(ctx context.Context, r *replacement) error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r, err := newReplacement(1, 3)
		if err != nil {
			t.Fatal(err)
		}
		end := r.observe()
		err = story(t.Context(), r)
		end()
		r.bury()
		r.finish()
		if err := errors.Join(append(r.faults, err)...); err != nil {
			t.Error(err)
		}
	})
}

// ends kills the old peer, and lets the new one join.
func (r *replacement) ends(ctx context.Context) error {
	r.kill(r.old, rand.New(rand.NewPCG(1, 1)))
	return r.join(ctx)
}

// waiting returns what the leader says of the new peer.
func (r *replacement) waiting() string {
	if p := r.leader(); p != nil {
		return p.up().Status().Waiting[r.new.id]
	}
	return ""
}

// awaitReason waits until the leader says why the new peer has no vote.
func (r *replacement) awaitReason(text string) error {
	for began := time.Now(); !strings.Contains(r.waiting(), text); time.Sleep(100 * time.Millisecond) {
		if time.Since(began) > simRecovery {
			return fmt.Errorf("the leader says %q, nothing of %q", r.waiting(), text)
		}
	}
	return nil
}

// A new peer takes the place of the dead one of its slot, once its machine is gone
// and not before; writes go on. Of the dead one nothing is left.
func TestSuccession(t *testing.T) {
	replace(t, func(ctx context.Context, r *replacement) error {
		if err := errors.Join(r.ends(ctx), r.awaitReason("the machine runs")); err != nil {
			return err
		}
		time.Sleep(10 * time.Second)
		if err := errors.Join(r.awaitVoters(r.peers[:3]...), r.commit(PinOp(plainPin(1)))); err != nil {
			return err
		}
		r.cloud.set(func(c *simCloud) { c.gone[oldMachine] = true })
		if err := r.awaitVoters(r.peers[0], r.peers[1], r.new); err != nil {
			return err
		}
		if reason := r.waiting(); reason != "" {
			return fmt.Errorf("it still waits: %s", reason)
		}
		return r.awaitNoRecord()
	})
}

// awaitNoRecord waits until the old peer has no record any more.
func (r *replacement) awaitNoRecord() error {
	for began := time.Now(); time.Since(began) < simRecovery; time.Sleep(100 * time.Millisecond) {
		records, err := r.new.up().Members(context.Background())
		if err != nil {
			return err
		}
		if len(records) == 3 {
			return nil
		}
	}
	return errors.New("the dead peer still has a record")
}

// A member that comes back has its vote still, and nobody was asked about a member
// that answers.
func TestSuccessionOfTheLiving(t *testing.T) {
	replace(t, func(ctx context.Context, r *replacement) error {
		if err := errors.Join(r.join(ctx), r.awaitReason("answers")); err != nil {
			return err
		}
		time.Sleep(10 * time.Second)
		if n := r.cloud.questions(); n > 0 {
			return fmt.Errorf("the cloud was asked %d times about a member that answers", n)
		}
		r.old.crash(rand.New(rand.NewPCG(1, 1)))
		if err := r.awaitReason("the machine runs"); err != nil {
			return err
		}
		time.Sleep(10 * time.Second)
		return errors.Join(r.old.start(), r.awaitReason("answers"), r.awaitVoters(r.peers[:3]...))
	})
}

// While the cloud does not answer nothing is removed, which the log says once, and
// it is not asked all the time.
func TestSuccessionWithoutAnAnswer(t *testing.T) {
	lines := &lineCounter{text: "a new member waits for a vote"}
	replace(t, func(ctx context.Context, r *replacement) error {
		r.opts.Logger = slog.New(slog.NewTextHandler(lines, nil))
		for _, p := range r.peers { // with the other logger
			p.stop(true)
			if err := p.start(); err != nil {
				return err
			}
		}
		r.cloud.set(func(c *simCloud) { c.silent = true })
		if err := errors.Join(r.ends(ctx), r.awaitReason(errSimCloud.Error())); err != nil {
			return err
		}
		time.Sleep(20 * time.Second)
		if n := lines.count(); n != 1 {
			return fmt.Errorf("said %d times that a member waits", n)
		}
		if n := r.cloud.questions(); n < 3 || n > 12 {
			return fmt.Errorf("the cloud was asked %d times", n)
		}
		if err := r.awaitVoters(r.peers[:3]...); err != nil {
			return err
		}
		r.cloud.set(func(c *simCloud) { c.silent, c.gone[oldMachine] = false, true })
		return r.awaitVoters(r.peers[0], r.peers[1], r.new)
	})
}

// lineCounter counts the log lines with a text.
type lineCounter struct {
	text string
	mu   sync.Mutex
	n    int
}

func (c *lineCounter) Write(line []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n += strings.Count(string(line), c.text)
	return len(line), nil
}

func (c *lineCounter) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}

// A member with an old record, which names no slot, is nobody's predecessor: the
// new one gets a vote beside it, as a leader of an older version would give it in
// any case. When the slot becomes known, the dead one is removed all the same.
func TestSuccessionOfAnOldRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, err := newReplacement(1, 3)
		if err != nil {
			t.Fatal(err)
		}
		record := func(text string) error { return r.commit(SetMemberOp(r.old.id, []byte(text))) }
		r.cloud.set(func(c *simCloud) { c.gone[oldMachine] = true })
		err = errors.Join(record(" "+oldMachine), r.ends(t.Context()), r.awaitVoters(r.peers...),
			record("s2 "+oldMachine), r.awaitVoters(r.peers[0], r.peers[1], r.new))
		r.bury()
		r.finish()
		if err := errors.Join(append(r.faults, err)...); err != nil {
			t.Error(err)
		}
	})
}

// Two of three with their disks lost: whoever comes in their slots, nothing is
// removed and nothing gets a vote without a leader.
func TestNoSuccessionWithoutMajority(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, err := newReplacement(1, 3)
		if err != nil {
			t.Fatal(err)
		}
		r.cloud.set(func(c *simCloud) { c.gone[oldMachine], c.gone["m1"] = true, true })
		end := r.observe()
		r.kill(r.peers[1], rand.New(rand.NewPCG(1, 1)))
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		if err := r.ends(ctx); err == nil {
			t.Error("a peer has joined without a majority")
		}
		survivor := r.peers[0].up()
		if got, s := survivor.Voters(), survivor.Status(); len(got) != 3 || s.Leader != "" {
			t.Errorf("the survivor's voters are %v, %+v", got, s)
		}
		end()
		for _, p := range r.peers {
			p.stop(false)
		}
		r.background.Wait()
		r.net.Close()
		if err := errors.Join(r.faults...); err != nil {
			t.Error(err)
		}
	})
}
