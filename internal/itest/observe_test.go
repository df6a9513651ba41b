package itest

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// jsonLogs is a settings file by which peers log in JSON.
func jsonLogs(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "settings.yaml")
	if err := os.WriteFile(file, []byte("log: {format: json}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// logged reads the lines of a peer's log, all of which must be objects.
func (p *Peer) logged(t *testing.T) (lines []map[string]any) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(p.dir, "underlay.log"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil || m["level"] == nil || m["logger"] == nil {
			t.Fatalf("%s has logged %q", p.Name, line)
		}
		lines = append(lines, m)
	}
	return lines
}

// setLevel changes the level of a logger of the peer that is asked.
func (p *Peer) setLevel(t *testing.T, logger, level string) {
	t.Helper()
	if _, err := p.Own("log/level", logger, level); err != nil {
		t.Fatal(err)
	}
}

// traced has the peers that start from now on send their traces to a collector.
func traced(t *testing.T) *Collector {
	traces := StartCollector(t)
	t.Setenv("OTEL_TRACES_EXPORTER", "otlp")
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", traces.URL)
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
	return traces
}

// One identity finds a request in the logs of all peers that had to do with it, and it is one trace.
func TestARequestIsSeenOnAllPeers(t *testing.T) {
	traces := traced(t)
	c := Start(t, "--config", jsonLogs(t))
	for _, p := range c.Peers {
		p.setLevel(t, "underlay/requests", "debug")
	}
	const id, trace = "balancer-1", "4bf92f3577b34da6a3ce929d0e0e4736"
	pin := func(p *Peer, node, command string) {
		req, err := http.NewRequest(http.MethodPost, p.API+"/api/v0/"+command, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Request-Id", id)
		req.Header.Set("Traceparent", "00-"+trace+"-00f067aa0ba902b7-01")
		if node != "" {
			req.Header.Set("X-Underlay-Peer", node)
		}
		resp, err := p.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK || resp.Header.Get("X-Request-Id") != id {
			t.Errorf("%s through %s: %s, %s", command, p.Name, resp.Status, resp.Header)
		}
	}
	pinNew := func() {
		block, err := c.Peers[0].PutBlock([]byte("to be pinned " + rand.Text()))
		if err != nil {
			t.Fatal(err)
		}
		pin(c.Peers[0], "", "pin/add?arg="+block)
		c.Acked(block)
	}
	pinNew()
	Eventually(t, 30*time.Second, func() error {
		for _, p := range c.Peers {
			found := false
			for _, l := range p.logged(t) {
				found = found || l["request"] == id && l["logger"] == "underlay/requests"
			}
			if !found {
				return fmt.Errorf("%s does not mention request %s", p.Name, id)
			}
		}
		return nil
	})
	pin(c.Peers[0], c.Peers[2].ID, "id") // is forwarded
	want := map[string]bool{
		"peer1 POST /api/v0/pin/add": true, "peer1 commit": true, "peer1 wait for holders": true,
		"peer2 hold": true, "peer3 hold": true, "peer1 POST /api/v0/id": true, "peer1 call": true, "peer3 POST /api/v0/id": true,
	}
	Eventually(t, 30*time.Second, func() error {
		missing, fetched := len(want), 0
		seen := make(map[string]bool)
		for _, s := range traces.Spans(trace) {
			name := s.Peer + " " + s.Name
			if want[name] && !seen[name] {
				missing--
			}
			seen[name] = true
			if s.Name == "fetch" {
				fetched++
			}
		}
		if missing == 0 && fetched == 0 { // the others had begun to fetch before they were asked whether they hold it
			pinNew()
		}
		if missing > 0 || fetched == 0 {
			return fmt.Errorf("%d spans are missing, %d of fetches; there are %v", missing, fetched, seen)
		}
		return nil
	})
}

// Kubo's commands for the log act on one stream, of the peer that is asked, and on our loggers as on kubo's.
func TestTheLogCommandsOfAPeer(t *testing.T) {
	c := Start(t, "--config", jsonLogs(t))
	here, there := c.Peers[0], c.Peers[2]
	list, err := here.RPC("log/ls")
	if err != nil || !strings.Contains(list, `"underlay/peer"`) || !strings.Contains(list, `"core"`) {
		t.Errorf("log/ls: %s, %v", list, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, here.API+"/api/v0/log/tail", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Underlay-Peer", there.ID)
	tail := make(chan string, 1)
	began := make(chan error, 1)
	go func() {
		resp, err := here.http.Do(req)
		began <- err
		if err != nil {
			return
		}
		defer resp.Body.Close()
		for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
			if strings.Contains(lines.Text(), `"asked-for"`) {
				tail <- lines.Text()
				return
			}
		}
	}()
	if _, err := here.call(there.ID, "log/level", []string{"underlay/requests", "debug"}); err != nil {
		t.Fatal(err)
	}
	for p, want := range map[*Peer]string{here: `"info"`, there: `"debug"`} {
		if level, err := p.RPC("log/level", "underlay/requests"); err != nil || !strings.Contains(level, want) {
			t.Errorf("level on %s: %s, %v", p.Name, level, err)
		}
	}
	Eventually(t, 30*time.Second, func() error {
		req, err := http.NewRequest(http.MethodGet, there.API+"/id", nil)
		if err != nil {
			return err
		}
		req.Header.Set("X-Request-Id", "asked-for")
		resp, err := there.http.Do(req)
		if err != nil {
			return err
		}
		resp.Body.Close()
		select {
		case line := <-tail:
			var got struct{ Level, TS, Logger, Msg, Path string }
			if err := json.Unmarshal([]byte(line), &got); err != nil || got.Logger != "underlay/requests" || got.Level != "debug" || got.Path != "/id" {
				t.Errorf("the tail has %s", line)
			}
			return nil
		default:
			return fmt.Errorf("no line yet")
		}
	})
	if err := <-began; err != nil {
		t.Error(err)
	}
	if _, err := here.RPC("log/level", "cmds/http", "debug"); err != nil { // one of kubo's
		t.Fatal(err)
	}
	if _, err := here.RPC("id"); err != nil {
		t.Fatal(err)
	}
	for _, l := range here.logged(t) {
		if l["logger"] == "cmds/http" && l["level"] == "DEBUG" {
			return
		}
	}
	t.Error("no line of a logger of kubo's")
}
