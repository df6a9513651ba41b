package itest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
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

// page reads one page of a listing, and where the next one begins.
func (p *Peer) page(url string) (names []string, next string, err error) {
	resp, err := p.http.Get(p.REST + url)
	if err != nil {
		return nil, "", err
	}
	next = resp.Header.Get("X-Underlay-Next")
	body, err := readAnswer(resp)
	if err != nil {
		return nil, "", err
	}
	for line := range strings.Lines(string(body)) {
		var item struct{ Name string }
		if err := json.Unmarshal([]byte(line), &item); err != nil {
			return nil, "", err
		}
		names = append(names, item.Name)
	}
	return names, next, nil
}

// pages reads a listing page by page, each from another peer.
func (c *Cluster) pages(url string) (names []string, pages int) {
	c.t.Helper()
	for after := ""; ; pages++ {
		page, next, err := c.Peers[pages%len(c.Peers)].page(url + "&after=" + after)
		if err != nil {
			c.t.Fatal(err)
		}
		names = append(names, page...)
		if after = next; after == "" {
			return names, pages + 1
		}
	}
}

// Listings are narrowed down by name, metadata and status, and read page by page through any peer.
func TestListingsBySelection(t *testing.T) {
	c := Start(t)
	var lines []string
	for i := range 100 {
		name := fmt.Sprintf("%s/%02d", []string{"red", "green"}[i%2], i)
		lines = append(lines, fmt.Sprintf(`{"cid":%q,"name":%q,"metadata":{"tens":"%d","color":%q}}`, inlineCID(t, name), name, i/10, name[:3]))
	}
	if _, err := c.Peers[0].bulk(strings.NewReader(strings.Join(lines, "\n"))); err != nil {
		t.Fatal(err)
	}
	for _, p := range c.Peers {
		Eventually(t, time.Minute, func() error {
			all, err := p.statuses("?filter=pinned")
			if err == nil && len(all) < 100 {
				err = fmt.Errorf("%d pins are pinned", len(all))
			}
			return err
		})
	}
	for _, list := range []string{"/pins?", "/allocations?"} {
		for query, want := range map[string]struct{ items, pages int }{
			"name-prefix=red%2F&limit=7":          {50, 8},
			"name-prefix=red%2F&limit=50":         {50, 1},
			"name-prefix=red":                     {50, 1},
			"meta-tens=3&limit=3":                 {10, 4},
			"meta-tens=3&meta-color=gre&limit=2":  {5, 3},
			"meta-tens=&name-prefix=green%2F1":    {5, 1},
			"limit=30":                            {100, 4},
			"name-prefix=blue&limit=10":           {0, 1},
			"name-prefix=red&filter=all&limit=30": {50, 2},
		} {
			if list == "/pins?" {
				query = strings.Replace(query, "filter=all", "filter=pinned", 1)
			}
			names, pages := c.pages(list + query)
			sort.Strings(names)
			distinct := slices.Compact(slices.Clone(names))
			if len(names) != want.items || len(distinct) != want.items || pages != want.pages {
				t.Errorf("%s%s: %d items, %d of them different, on %d pages; want %d on %d", list, query, len(names), len(distinct), pages, want.items, want.pages)
			}
		}
		for _, bad := range []string{"limit=0", "limit=10001", "limit=many", "meta-=x", "after=nonsense", "name-prefix=red&after=Zm9v"} {
			_, _, err := c.Peers[1].page(list + bad)
			if status, ok := errors.AsType[*StatusError](err); !ok || status.Code != http.StatusBadRequest {
				t.Errorf("%s%s: %v, want 400", list, bad, err)
			}
		}
	}
	if names, _ := c.pages("/pins?name-prefix=red&filter=error&limit=5"); len(names) != 0 {
		t.Errorf("nothing is in error, got %v", names)
	}
}
