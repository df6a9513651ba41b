package itest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// What a follower is asked for and the leader commits has its identity in the leader's log, and the leader's part in its trace.
func TestTheLeaderKnowsAForwardedRequest(t *testing.T) {
	traces := traced(t)
	c := Start(t, "--config", jsonLogs(t))
	leader := c.leader()
	leader.setLevel(t, "underlay/consensus", "debug")
	follower := c.Peers[slices.IndexFunc(c.Peers, func(p *Peer) bool { return p != leader })]
	const id, trace, client = "forwarded-1", "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	block, err := follower.PutBlock([]byte("forwarded"))
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequest(http.MethodPost, follower.API+"/api/v0/pin/add?arg="+block, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Request-Id", id)
	req.Header.Set("Traceparent", "00-"+trace+"-"+client+"-01")
	resp, err := follower.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if resp.Body.Close(); resp.StatusCode != http.StatusOK {
		t.Fatal(resp.Status)
	}
	c.Acked(block)
	Eventually(t, 20*time.Second, func() error {
		for _, l := range leader.logged(t) {
			if ids, _ := l["request"].(string); l["logger"] == "underlay/consensus" && slices.Contains(strings.Fields(ids), id) {
				return nil
			}
		}
		return fmt.Errorf("%s has committed the request and does not mention it", leader.Name)
	})
	want := []string{leader.Name + " replicate", follower.Name + " propose", follower.Name + " commit", follower.Name + " POST /api/v0/pin/add", "client"}
	Eventually(t, 20*time.Second, func() error {
		spans := make(map[string]RecordedSpan)
		for _, s := range traces.Spans(trace) {
			spans[s.ID] = s
		}
		var way []string
		for _, s := range spans {
			if s.Name != "replicate" {
				continue
			}
			for ; s.ID != ""; s = spans[s.Parent] { // up to the client's span, which nobody has sent
				way = append(way, s.Peer+" "+s.Name)
				if s.Parent == client {
					way = append(way, "client")
				}
			}
		}
		ours := slices.DeleteFunc(slices.Clone(way), func(step string) bool { return !slices.Contains(want, step) }) // kubo has spans between
		if !slices.Equal(ours, want) {
			return fmt.Errorf("the leader's part hangs at %q, want %q", way, want)
		}
		return nil
	})
}
