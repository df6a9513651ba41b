package itest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// prepareThree makes the peers of a cluster that was never started. The test starts them with Restart.
func prepareThree(t *testing.T) *Cluster {
	t.Helper()
	c := &Cluster{t: t, Dir: t.TempDir(), acked: make(map[string]bool)}
	if err := os.WriteFile(filepath.Join(c.Dir, "secret"), []byte(strings.Repeat("5e", 32)), 0o600); err != nil {
		t.Fatal(err)
	}
	var addrs []string
	for n := range 3 {
		c.prepare(fmt.Sprint("peer", n+1))
		addrs = append(addrs, c.clusterAddr(n))
	}
	for _, p := range c.Peers {
		p.env = []string{"UNDERLAY_CLUSTER_PEERS=" + strings.Join(addrs, ","), "UNDERLAY_CLUSTER_BOOTSTRAP_EXPECT=3"}
	}
	t.Cleanup(c.close)
	return c
}

// refusal reads the body of an answer that is an error of an API, and returns what it says.
type refusal func(body []byte) (string, error)

func restRefusal(body []byte) (string, error) {
	var e struct {
		Code    int
		Message string
	}
	err := json.Unmarshal(body, &e)
	if err == nil && e.Code != http.StatusServiceUnavailable {
		err = fmt.Errorf("the code is %d", e.Code)
	}
	return e.Message, err
}

func rpcRefusal(body []byte) (string, error) {
	var e struct {
		Message string
		Code    *int
		Type    string
	}
	err := json.Unmarshal(body, &e)
	if err == nil && (e.Code == nil || *e.Code != 0 || e.Type != "error") {
		err = fmt.Errorf("it is no error in kubo's form: %s", body)
	}
	return e.Message, err
}

func psaRefusal(body []byte) (string, error) {
	var e struct {
		Error struct{ Reason, Details string }
	}
	err := json.Unmarshal(body, &e)
	if err == nil && e.Error.Reason != "SERVICE_UNAVAILABLE" {
		err = fmt.Errorf("the reason is %q", e.Error.Reason)
	}
	return e.Error.Details, err
}

// question is a request of one of the private APIs, which is answered from what the cluster has.
type question struct {
	form        refusal
	method, url string
	body        string // "file": a form with a file
}

const absentPeer = "12D3KooWGC6TvWhfapngX6wvJHMYvKpDMXPb3ZnCZ6dMoaMtimQ5"

// questions are those of all APIs of a peer, on all its listeners, that can be asked again and again.
func (p *Peer) questions() (all []question) {
	cid := InlineCid("forming")
	for _, base := range []string{p.REST, p.API} {
		for _, q := range []string{
			"GET /pins", "GET /pins/" + cid, "GET /allocations", "GET /allocations/" + cid, "POST /pins/" + cid, "POST /pins/recover",
			"POST /pins/" + cid + "/recover", "POST /pins/rebalance", "POST /ipfs/gc", "GET /peers", "GET /backup", "GET /deny", "DELETE /pins/" + cid,
		} {
			method, path, _ := strings.Cut(q, " ")
			all = append(all, question{restRefusal, method, base + path, ""})
		}
		all = append(all, question{restRefusal, "POST", base + "/pins", `{"cid":"` + cid + `"}`}, question{restRefusal, "POST", base + "/add", "file"})
	}
	all = append(all, question{restRefusal, "GET", p.API + "/access/tokens", ""})
	for _, command := range []string{
		"pin/ls", "pin/add?arg=" + cid, "pin/verify", "pin/update?arg=" + cid + "&arg=" + cid, "files/ls", "files/mkdir?parents=true&arg=/a", "files/stat?arg=/",
		"key/list", "name/publish?arg=/ipfs/" + cid, "repo/gc", "config/show", "bootstrap/list", "block/rm?force=true&arg=" + cid, "pin/rm?arg=" + cid,
	} {
		all = append(all, question{rpcRefusal, "POST", p.API + "/api/v0/" + command, ""})
	}
	for _, command := range []string{"add", "add?to-files=/", "files/write?create=true&arg=/f"} {
		all = append(all, question{rpcRefusal, "POST", p.API + "/api/v0/" + command, "file"})
	}
	for _, base := range []string{p.PSA, p.API + "/psa"} {
		all = append(all, question{psaRefusal, "GET", base + "/pins", ""}, question{psaRefusal, "POST", base + "/pins", `{"cid":"` + cid + `"}`})
	}
	return all
}

// pose sends a question and returns the answer, which must come soon.
func (p *Peer) pose(q question) (*http.Response, []byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second) // less than anybody waits for a leader
	defer cancel()
	body, kind := strings.NewReader(q.body), "application/json"
	if q.body == "file" {
		var form bytes.Buffer
		w := multipart.NewWriter(&form)
		part, err := w.CreateFormFile("file", "f")
		if err != nil {
			return nil, nil, err
		}
		fmt.Fprint(part, "content of a file")
		w.Close()
		body, kind = strings.NewReader(form.String()), w.FormDataContentType()
	}
	req, err := http.NewRequestWithContext(ctx, q.method, q.url, body)
	if err != nil {
		return nil, nil, err
	}
	if q.body != "" {
		req.Header.Set("Content-Type", kind)
	}
	resp, err := p.http.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	return resp, answer, err
}

// Two of three peers were started: there is no cluster, and every API says so at once, in its own form. What a peer knows by
// itself it answers. When the third one comes, everything works.
func TestTwoOfThreeStarted(t *testing.T) {
	c := prepareThree(t)
	const reason = "waiting for 3 peers, have 2"
	for _, p := range c.Peers[:2] {
		c.Restart(p)
	}
	for _, p := range c.Peers[:2] {
		Eventually(t, time.Minute, func() error { return p.waitsFor(reason) })
		questions := append(p.questions(), question{restRefusal, "GET", p.REST + "/events", ""},
			question{restRefusal, "POST", p.REST + "/peers", `{"peer_id":"` + absentPeer + `"}`}, question{restRefusal, "DELETE", p.REST + "/peers/" + absentPeer, ""})
		for _, q := range questions {
			resp, body, err := p.pose(q)
			if err != nil {
				t.Errorf("%s %s: %v", q.method, q.url, err)
				continue
			}
			said, err := q.form(body)
			if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" || err != nil || !strings.Contains(said, reason) {
				t.Errorf("%s %s: status %d, retry after %q: %s; %v", q.method, q.url, resp.StatusCode, resp.Header.Get("Retry-After"), body, err)
			}
		}
		for _, url := range []string{"/healthz", "/id", "/version", "/overview", "/health/consensus", "/monitor/metrics"} {
			if _, err := p.Do(http.MethodGet, p.API+url); err != nil {
				t.Errorf("%s: %v", url, err)
			}
		}
		for _, command := range []string{"version", "id", "commands", "swarm/peers", "repo/stat", "cat?arg=" + InlineCid("forming")} {
			if _, err := p.Do(http.MethodPost, p.API+"/api/v0/"+command); err != nil {
				t.Errorf("%s: %v", command, err)
			}
		}
		if got, err := p.Fetch("/ipfs/" + InlineCid("forming")); err != nil || string(got) != "forming" {
			t.Errorf("the gateway of %s serves %q, %v", p.Name, got, err)
		}
	}

	c.Restart(c.Peers[2])
	c.AwaitReady(c.Peers...)
	for _, p := range c.Peers {
		for _, q := range p.questions() {
			if resp, body, err := p.pose(q); err != nil || resp.StatusCode >= 500 {
				t.Errorf("%s %s in the cluster: %v: %s", q.method, q.url, err, body)
			}
		}
	}
	cid, err := c.Peers[0].Add([]byte("in the cluster"), "")
	if err != nil {
		t.Fatal(err)
	}
	c.Acked(cid)
	Eventually(t, time.Minute, func() error { return c.Peers[2].PinnedEverywhere(cid, 3) })
}
