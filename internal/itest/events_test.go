package itest

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// clusterEvent is one event of GET /events.
type clusterEvent struct {
	ID, Type, Cid, Name, Peer, Status string
	Index                             uint64
}

// follower collects the events of a stream.
type follower struct {
	cancel context.CancelFunc
	ended  chan struct{}

	mu     sync.Mutex
	events []clusterEvent
	err    error
}

// follow opens a stream of events, and returns once it has begun.
func (p *Peer) follow(t *testing.T, query string) *follower {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.REST+"/events"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("events of %s: status %d, %s", p.Name, resp.StatusCode, resp.Header.Get("Content-Type"))
	}
	f := &follower{cancel: cancel, ended: make(chan struct{})}
	go func() {
		defer close(f.ended)
		defer resp.Body.Close()
		f.read(bufio.NewScanner(resp.Body))
	}()
	t.Cleanup(f.stop)
	Eventually(t, time.Minute, func() error {
		if len(f.seen("start")) == 0 {
			return fmt.Errorf("events of %s have not begun", p.Name)
		}
		return nil
	})
	return f
}

func (f *follower) stop() {
	f.cancel()
	<-f.ended
}

func (f *follower) read(lines *bufio.Scanner) {
	id := ""
	for lines.Scan() {
		line := lines.Text()
		if line == "" {
			id = ""
		}
		if v, ok := strings.CutPrefix(line, "id: "); ok {
			id = v
		}
		data, ok := strings.CutPrefix(line, "data: ")
		if !ok {
			continue
		}
		var e clusterEvent
		err := json.Unmarshal([]byte(data), &e)
		if err == nil && e.ID != id {
			err = fmt.Errorf("the event of ID %q says it has ID %q", id, e.ID)
		}
		f.mu.Lock()
		if err != nil {
			f.err = err
		}
		f.events = append(f.events, e)
		f.mu.Unlock()
	}
}

// seen returns the events of some types.
func (f *follower) seen(types ...string) []clusterEvent {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(f.events), func(e clusterEvent) bool { return !slices.Contains(types, e.Type) })
}

// sameChanges waits until all followers have seen n changes of the pinset, and returns them. They must be the same.
func sameChanges(t *testing.T, n int, followers ...*follower) []clusterEvent {
	t.Helper()
	var want []clusterEvent
	for i, f := range followers {
		Eventually(t, time.Minute, func() error {
			if got := len(f.seen("pinned", "unpinned")); got != n {
				return fmt.Errorf("follower %d has seen %d changes, waiting for %d", i, got, n)
			}
			return nil
		})
		got := f.seen("pinned", "unpinned")
		if f.err != nil {
			t.Error(f.err)
		}
		if i == 0 {
			want = got
		} else if !slices.Equal(got, want) {
			t.Errorf("follower %d has seen other changes", i)
		}
	}
	return want
}

// Every peer tells the same changes of the pinset in the same order, from any place on, also one that learned of them as a
// restarted peer; and each tells how every peer gets on, and who leads.
func TestEvents(t *testing.T) {
	c := Start(t)
	followers := make([]*follower, len(c.Peers))
	for i, p := range c.Peers {
		followers[i] = p.follow(t, "")
	}
	var want []string
	for i := range 40 {
		name := fmt.Sprint("event ", i)
		cid := inlineCID(t, name)
		if _, err := c.Peers[i%3].Do(http.MethodPost, "/pins/"+cid+"?name="+strings.ReplaceAll(name, " ", "%20")); err != nil {
			t.Fatal(err)
		}
		want = append(want, "pinned "+cid+" "+name)
		if i%4 == 3 {
			if _, err := c.Peers[(i+1)%3].Do(http.MethodDelete, "/pins/"+cid); err != nil {
				t.Fatal(err)
			}
			want = append(want, "unpinned "+cid+" ")
		}
	}
	told := sameChanges(t, len(want), followers...)
	for i, e := range told {
		if got := e.Type + " " + e.Cid + " " + e.Name; got != want[i] {
			t.Errorf("change %d is %q, want %q", i, got, want[i])
		}
	}

	// Going on behind any event, by its ID or its entry, gives the rest; of some types only those.
	middle := told[len(told)/2]
	for _, p := range c.Peers {
		for _, since := range []string{middle.ID, fmt.Sprint(middle.Index)} {
			f := p.follow(t, "?since="+since+"&type=pinned,unpinned")
			if rest := sameChanges(t, len(told)-len(told)/2-1, f); !slices.Equal(rest, told[len(told)/2+1:]) {
				t.Errorf("%s since %s tells other changes", p.Name, since)
			}
			f.stop()
		}
	}

	// Each peer's part in the last pin shows through each.
	last := inlineCID(t, "event 38")
	for i, f := range followers {
		Eventually(t, time.Minute, func() error {
			pinned := make(map[string]bool)
			for _, e := range f.seen("status") {
				pinned[e.Peer] = pinned[e.Peer] || e.Cid == last && e.Status == "pinned"
			}
			for _, p := range c.Peers {
				if !pinned[p.ID] {
					return fmt.Errorf("%s does not tell that %s has pinned %s", c.Peers[i].Name, p.Name, last)
				}
			}
			return nil
		})
	}

	leader := c.leader()
	watcher := c.others(leader)[0].follow(t, "?type=membership")
	c.Kill(leader)
	Eventually(t, time.Minute, func() error {
		for _, e := range watcher.seen("membership") {
			if e.Status == "leader" && e.Peer != leader.ID {
				return nil
			}
		}
		return fmt.Errorf("no new leader is told of: %v", watcher.seen("membership"))
	})
	c.Restart(leader)
	c.AwaitReady(c.Peers...)
}

func TestEventsRefuseBadRequests(t *testing.T) {
	c := Start(t)
	for query, want := range map[string]int{"?since=x": 400, "?since=1-": 400, "?since=-1": 400, "?type=pinned,nonsense": 400} {
		_, err := c.Peers[0].Do(http.MethodGet, "/events"+query)
		if status, ok := asStatus(err); !ok || status != want {
			t.Errorf("%s: %v, want %d", query, err, want)
		}
	}
}
