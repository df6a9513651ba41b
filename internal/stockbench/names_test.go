package stockbench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/underlay/underlay/internal/itest"
	"github.com/underlay/underlay/internal/stock"
)

// BenchmarkNames compares keys and names with a plain single kubo. Ours are three peers that are asked in turn.
func BenchmarkNames(b *testing.B) {
	rounds := intSetting(b, roundsVariable, 5)
	for range b.N {
		stock, ours := startPlainKubo(b), startOurs(b, inlineCIDs(1))
		t := newTable()
		for round := range rounds {
			for _, clients := range []int{1, 8} {
				for _, s := range taking(round, stock, ours) {
					measureNames(b, s, t, fmt.Sprint("round ", round, " with ", clients), clients)
				}
			}
		}
		fmt.Printf("\n### Keys and names against a single kubo, %d rounds\n\n%s\n", rounds, t.markdown())
	}
	b.ReportMetric(0, "ns/op") // says nothing here
}

// startPlainKubo starts one kubo with its defaults that knows no others.
func startPlainKubo(b *testing.B) *side {
	b.Helper()
	h := stock.New(b, 1).Hosts[0]
	h.InitKubo()
	h.StartKubo()
	plain := &side{name: "stock", client: newClient(), hosts: []*host{{rpc: h.RPC(), pids: []int{h.Kubo.PID()}}}, gateway: h.Gateway()}
	itest.Eventually(b, time.Minute, func() error {
		if err := h.Kubo.Check(); err != nil {
			b.Fatal(err)
		}
		_, err := plain.command(0, "id")
		return err
	})
	return plain
}

// command calls a command of a host with an argument, and parameters in the form name=value.
func (s *side) command(host int, command string, params ...string) ([]byte, error) {
	query := ""
	for _, p := range params {
		query += "&" + p
	}
	return s.request(http.MethodPost, s.hosts[host].rpc+"/api/v0/"+command+"?"+query)
}

// measureNames makes keys, publishes with them and resolves, with so many clients at a time.
func measureNames(b *testing.B, s *side, t *table, round string, clients int) {
	b.Helper()
	const n = 120
	cid, err := s.add(s.hosts[0].rpc, bytes.NewReader(random(100)), "cid-version=1")
	if err != nil {
		b.Fatal(err)
	}
	keys := make([]string, n)
	for i := range keys {
		keys[i] = url.QueryEscape(fmt.Sprint(round, " key ", i))
	}
	measure := func(what string, keys []string, do func(host int, key string) error) {
		r := load(b, s, clients, keys, do)
		t.add(s, fmt.Sprintf("%s, %d clients: p50 ms", what, clients), "%.2f", true, quantile(r.latencies, 0.5))
		t.add(s, fmt.Sprintf("%s, %d clients: p99 ms", what, clients), "%.2f", true, quantile(r.latencies, 0.99))
	}
	measure("key gen", keys, func(host int, key string) error {
		_, err := s.command(host, "key/gen", "arg="+key)
		return err
	})
	measure("name publish, first", keys, func(host int, key string) error {
		_, err := s.command(host, "name/publish", "arg=/ipfs/"+cid, "key="+key)
		return err
	})
	measure("name publish, again", keys, func(host int, key string) error {
		_, err := s.command(host, "name/publish", "arg=/ipfs/"+cid+"/other", "resolve=false", "key="+key)
		return err
	})
	names := s.names(b)
	names = slices.Concat(names, names, names)
	measure("name resolve", names, func(host int, name string) error {
		_, err := s.command(host, "name/resolve", "arg="+name)
		return err
	})
	measure("name resolve without cache", names, func(host int, name string) error {
		_, err := s.command(host, "name/resolve", "arg="+name, "nocache=true")
		return err
	})
	for _, key := range keys {
		if _, err := s.command(0, "key/rm", "arg="+key); err != nil {
			b.Fatal(err)
		}
	}
}

// names are those of all keys but self.
func (s *side) names(b *testing.B) (names []string) {
	b.Helper()
	body, err := s.command(0, "key/list")
	var list struct {
		Keys []struct{ Id string } // kubo's spelling
	}
	if err == nil {
		err = json.Unmarshal(body, &list)
	}
	if err != nil {
		b.Fatalf("%s: list keys: %v", s.name, err)
	}
	for _, key := range list.Keys[1:] {
		names = append(names, key.Id)
	}
	return names
}
