package itest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sort"
	"strings"
	"testing"
	"time"
)

// pinStatus is a line of GET /pins.
type pinStatus struct {
	Cid     string
	Name    string
	PeerMap map[string]struct {
		Peername string
		Status   string
		Error    string
	} `json:"peer_map"`
}

// statuses reads the status of all pins through a peer.
func (p *Peer) statuses(query string) ([]pinStatus, error) {
	body, err := p.Do(http.MethodGet, "/pins"+query)
	if err != nil {
		return nil, err
	}
	var all []pinStatus
	for line := range strings.Lines(string(body)) {
		var s pinStatus
		if err := json.Unmarshal([]byte(line), &s); err != nil {
			return nil, fmt.Errorf("line %d: %w", len(all)+1, err)
		}
		all = append(all, s)
	}
	return all, nil
}

// summary lists, for each pin, its name and the statuses of the peers.
func summary(all []pinStatus) string {
	var lines []string
	for _, s := range all {
		var peers []string
		for _, p := range s.PeerMap {
			peers = append(peers, p.Peername+" "+p.Status)
		}
		sort.Strings(peers)
		lines = append(lines, s.Name+": "+strings.Join(peers, ", "))
	}
	sort.Strings(lines)
	return strings.Join(lines, "\n")
}

// Every peer tells how all of them stand with every pin: with those that it holds, those that others hold and those that
// nobody can get; a peer that is away is named with each.
func TestStatusOfAllPins(t *testing.T) {
	c := Start(t)
	const many = 3000 // more than is read at a time
	var lines, want []string
	for i := range many {
		name := fmt.Sprintf("pin %04d", i)
		lines = append(lines, fmt.Sprintf(`{"cid":%q,"name":%q}`, inlineCID(t, name), name))
		want = append(want, name+": peer1 pinned, peer2 pinned, peer3 pinned")
	}
	if _, err := c.Peers[0].bulk(strings.NewReader(strings.Join(lines, "\n"))); err != nil {
		t.Fatal(err)
	}
	one := inlineCID(t, "on one peer")
	if _, err := c.Peers[1].Do(http.MethodPost, "/pins/"+one+"?name=one&replication-min=1&replication-max=1&user-allocations="+c.Peers[2].ID); err != nil {
		t.Fatal(err)
	}
	want = append(want, "one: peer1 remote, peer2 remote, peer3 pinned")
	const nowhere = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"
	if _, err := c.Peers[2].Do(http.MethodPost, "/pins/"+nowhere+"?name=nowhere"); err != nil {
		t.Fatal(err)
	}
	want = append(want, "nowhere: peer1 pinning, peer2 pinning, peer3 pinning")
	sort.Strings(want)
	for _, p := range c.Peers {
		Eventually(t, time.Minute, func() error { return p.shows("", strings.Join(want, "\n")) })
	}
	if err := c.Peers[0].shows("?filter=remote", "one: peer1 remote, peer2 remote"); err != nil {
		t.Error(err)
	}

	c.Kill(c.Peers[1])
	for i, line := range want {
		line = strings.NewReplacer("peer2 pinned", "peer2 cluster_error", "peer2 remote", "peer2 cluster_error", "peer2 pinning", "peer2 cluster_error").Replace(line)
		want[i] = line
	}
	Eventually(t, time.Minute, func() error { return c.Peers[0].shows("", strings.Join(want, "\n")) })
	if err := c.Peers[2].shows("?filter=remote", "one: peer1 remote, peer2 cluster_error"); err != nil {
		t.Error(err)
	}
	c.Restart(c.Peers[1])
	c.AwaitReady(c.Peers...)
	if _, err := c.Peers[0].Do(http.MethodDelete, "/pins/"+nowhere); err != nil {
		t.Fatal(err)
	}
}

// shows compares the status of all pins with what is wanted.
func (p *Peer) shows(query, want string) error {
	all, err := p.statuses(query)
	if err != nil {
		return err
	}
	if got := summary(all); got != want {
		return fmt.Errorf("%s: got\n%s\nwant\n%s", p.Name, excerpt(got, want), excerpt(want, got))
	}
	return nil
}

// excerpt shows the lines of a text around the first that another one lacks.
func excerpt(text, other string) string {
	lines, others := strings.Split(text, "\n"), strings.Split(other, "\n")
	for i, line := range lines {
		if i >= len(others) || line != others[i] {
			return fmt.Sprintf("%d lines, from line %d: %s", len(lines), i, strings.Join(lines[i:min(i+4, len(lines))], "; "))
		}
	}
	return fmt.Sprintf("%d lines", len(lines))
}
