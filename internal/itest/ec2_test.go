package itest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// ec2 is what the peers of a cluster see of AWS: the states of machines, and the record of the first members.
type ec2 struct {
	t   testing.TB
	url string

	mu     sync.Mutex
	states map[string]string // by instance
	mute   bool              // it answers nothing but 503
	asked  int               // how often, meanwhile
	record string
}

// startEC2 starts an EC2 without machines, which ends with the test.
func startEC2(t testing.TB) *ec2 {
	t.Helper()
	e := &ec2{t: t, states: make(map[string]string)}
	server := httptest.NewServer(e)
	t.Cleanup(server.Close)
	e.url = server.URL
	return e
}

// set changes what EC2 knows.
func (e *ec2) set(f func(*ec2)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	f(e)
}

// ServeHTTP answers the few questions that a peer has.
func (e *ec2) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.mute:
		e.asked++
		http.Error(w, "<Response><Errors><Error><Code>Unavailable</Code><Message>nobody is there</Message></Error></Errors></Response>",
			http.StatusServiceUnavailable)
	case r.Header.Get("X-Amz-Target") == "AmazonSSM.GetParameter":
		answer := map[string]any{"Parameter": map[string]any{"Value": e.record}}
		_ = json.NewEncoder(w).Encode(answer) // a client that has gone asks again
	case r.FormValue("Action") == "DescribeInstances":
		fmt.Fprintf(w, "<DescribeInstancesResponse><reservationSet>%s</reservationSet></DescribeInstancesResponse>", e.describe(r))
	default:
		http.NotFound(w, r)
	}
}

// describe shows the instances that the filter of a request names.
func (e *ec2) describe(r *http.Request) string {
	var items strings.Builder
	for n := 1; r.FormValue("Filter.1.Name") == "instance-id"; n++ {
		id := r.FormValue(fmt.Sprintf("Filter.1.Value.%d", n))
		if id == "" {
			break
		}
		if state := e.states[id]; state != "" {
			fmt.Fprintf(&items, "<item><instancesSet><item><instanceId>%s</instanceId><instanceState><name>%s</name></instanceState></item></instancesSet></item>",
				id, state)
		}
	}
	return items.String()
}

// launch starts an instance and returns the environment of what runs on it.
func (e *ec2) launch(instance string) []string {
	e.set(func(e *ec2) { e.states[instance] = "running" })
	metadata := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/latest/api/token":
			w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "300")
			fmt.Fprint(w, "token")
		case "/latest/dynamic/instance-identity/document":
			fmt.Fprintf(w, `{"accountId":"123456789012","region":"eu-central-1","instanceId":%q}`, instance)
		default:
			http.NotFound(w, r)
		}
	}))
	e.t.Cleanup(metadata.Close)
	return []string{
		"AWS_ENDPOINT_URL=" + e.url, "AWS_EC2_METADATA_SERVICE_ENDPOINT=" + metadata.URL, "AWS_REGION=eu-central-1",
		"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test",
	}
}

// onEC2 moves a running cluster onto EC2, peer after peer: each gets an instance, i-a and so on, and the slot of that letter.
func (c *Cluster) onEC2() *ec2 {
	c.t.Helper()
	e := startEC2(c.t)
	var ids []string
	for _, p := range c.Peers {
		ids = append(ids, p.ID)
	}
	e.record = strings.Join(ids, ",")
	for i, p := range c.Peers {
		slot := string(rune('a' + i))
		c.Stop(p)
		c.place(p, e, slot, "i-"+slot)
		c.Restart(p)
		c.AwaitReady(c.Peers...)
	}
	for _, p := range c.Peers { // each can place pins on all
		Eventually(c.t, time.Minute, func() error {
			metrics, err := p.Do(http.MethodGet, "/monitor/metrics/freespace")
			if n := strings.Count(string(metrics), `"peer"`); err == nil && n < len(c.Peers) {
				err = fmt.Errorf("%s knows the free space of %d peers: %s", p.Name, n, metrics)
			}
			return err
		})
	}
	return e
}

// place gives a peer that does not run an instance and a slot.
func (c *Cluster) place(p *Peer, e *ec2, slot, instance string) {
	c.t.Helper()
	file := filepath.Join(p.dir, "underlay.yaml")
	raw, err := os.ReadFile(file)
	if err != nil {
		c.t.Fatal(err)
	}
	var settings map[string]any
	if err := yaml.Unmarshal(raw, &settings); err != nil {
		c.t.Fatal(err)
	}
	cluster := settings["cluster"].(map[string]any)
	cluster["slot"], cluster["genesis"] = slot, "ssm:/underlay/test/genesis"
	if raw, err = yaml.Marshal(settings); err == nil {
		err = os.WriteFile(file, raw, 0o600)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	p.env = e.launch(instance)
}
