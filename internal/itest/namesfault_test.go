package itest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// publisher publishes one name again and again, through one peer after the other.
type publisher struct {
	key, name string
	values    string       // path below which the values are
	tried     int          // the value that was last asked for
	acked     atomic.Int64 // the value that was last acknowledged; 0: none
}

// run publishes until ctx ends. A value that was not acknowledged may be there all the same.
func (p *publisher) run(ctx context.Context, peers []*Peer) error {
	for turn := 0; ctx.Err() == nil; turn++ {
		through := peers[turn%len(peers)]
		p.tried++
		if _, err := through.RPC("name/publish", p.values+strconv.Itoa(p.tried), "resolve=false", "key="+p.key); err != nil {
			continue
		}
		p.acked.Store(int64(p.tried))
		for _, q := range peers {
			if got, err := p.read(q); err == nil && got != p.tried {
				return fmt.Errorf("%s leads %s to value %d, %d was acknowledged by %s", q.Name, p.key, got, p.tried, through.Name)
			}
		}
	}
	return nil
}

// read asks a peer for the value of the name.
func (p *publisher) read(through *Peer) (int, error) {
	body, err := through.RPC("name/resolve", p.name)
	if err != nil {
		return 0, err
	}
	var answer struct{ Path string }
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimPrefix(answer.Path, p.values))
}

// goesOn waits until more is acknowledged than now.
func (p *publisher) goesOn(t *testing.T) {
	t.Helper()
	before := p.acked.Load()
	Eventually(t, time.Minute, func() error {
		if p.acked.Load() < before+3 {
			return fmt.Errorf("%s has stopped at value %d", p.key, before)
		}
		return nil
	})
}

// While leaders die, nobody reads an older value than the one that was acknowledged last, and that one is there at the end.
func TestAcknowledgedPublicationsSurvive(t *testing.T) {
	t.Parallel() // it waits most of the time
	c := Start(t)
	content, err := c.Peers[0].Add([]byte("content"), "cid-version=1")
	if err != nil {
		t.Fatal(err)
	}
	c.Acked(content)
	publishers := make([]*publisher, 4)
	for i := range publishers {
		key := fmt.Sprint("key", i)
		publishers[i] = &publisher{key: key, name: c.Peers[i%3].ask(t, "key/gen", key).Id, values: "/ipfs/" + content + "/"}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var publishing errgroup.Group
	for _, p := range publishers {
		publishing.Go(func() error { return p.run(ctx, c.Peers) })
	}
	for range scaled(3, 30) {
		publishers[0].goesOn(t)
		leader := c.leader()
		c.Kill(leader)
		publishers[1].goesOn(t)
		c.Restart(leader)
		c.AwaitReady(leader)
	}
	cancel()
	if err := publishing.Wait(); err != nil {
		t.Error(err)
	}
	for _, p := range publishers {
		acked := int(p.acked.Load())
		t.Logf("%s: %d of %d publications acknowledged", p.key, acked, p.tried)
		for _, q := range c.Peers {
			Eventually(t, time.Minute, func() error {
				got, err := p.read(q)
				if err == nil && (got < acked || got > p.tried) {
					t.Fatalf("%s leads %s to value %d; %d was acknowledged, %d asked for", q.Name, p.key, got, acked, p.tried)
				}
				return err
			})
		}
	}
}

// Without a majority nothing that may be old is told, unless that is what was asked for; requests are refused with 503, in
// time, and all is well when the others are back.
func TestNamesWithoutMajority(t *testing.T) {
	t.Parallel() // it waits most of the time
	c := Start(t)
	content, err := c.Peers[0].Add([]byte("content"), "")
	if err != nil {
		t.Fatal(err)
	}
	c.Acked(content)
	name := c.Peers[0].ask(t, "name/publish", "/ipfs/"+content).Name
	alone := c.Peers[2]
	alone.ask(t, "name/resolve", name)
	c.KillAll(c.Peers[0], c.Peers[1])
	if got := alone.ask(t, "name/resolve", name, "consistency=stale").Path; got != "/ipfs/"+content {
		t.Errorf("what may be old leads to %s", got)
	}
	var asking errgroup.Group
	refused := func(what string, request func() error) {
		asking.Go(func() error {
			began := time.Now()
			err := request()
			if status, ok := errors.AsType[*StatusError](err); !ok || status.Code != http.StatusServiceUnavailable {
				return fmt.Errorf("%s: %w, want status 503", what, err)
			}
			if took := time.Since(began); took > 40*time.Second {
				return fmt.Errorf("%s is refused after %s", what, took)
			}
			return nil
		})
	}
	for _, args := range [][]string{
		{"name/resolve", name}, {"cat", "/ipns/" + name}, {"name/publish", "/ipfs/" + content, "resolve=false"}, {"key/gen", "key"}, {"key/list"},
	} {
		refused(args[0], func() error { _, err := alone.RPC(args[0], args[1:]...); return err })
	}
	refused("the gateway", func() error { _, err := alone.Fetch("/ipns/" + name); return err })
	if err := asking.Wait(); err != nil {
		t.Error(err)
	}
	c.Restart(c.Peers[0])
	c.Restart(c.Peers[1])
	c.AwaitReady(c.Peers...)
	c.leadsTo(name, content, []byte("content"))
}
