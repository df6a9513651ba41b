package itest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// bootstrapAddr is an address in the list of bootstrap peers, where nobody is.
func bootstrapAddr(port int) string {
	return fmt.Sprintf("/ip4/127.0.0.1/tcp/%d/p2p/12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA", port)
}

// settingsFile is kubo's configuration file of a peer.
func (p *Peer) settingsFile() string { return filepath.Join(p.dir, "data", "ipfs", "config") }

// shared returns what a peer's node has of the settings that are for all.
func (p *Peer) shared(t testing.TB) map[string]any {
	t.Helper()
	raw, err := os.ReadFile(p.settingsFile())
	if err != nil {
		t.Fatal(err)
	}
	var conf map[string]any
	if err := json.Unmarshal(raw, &conf); err != nil {
		t.Fatalf("decode %s: %v", p.settingsFile(), err)
	}
	for _, own := range []string{"Identity", "Addresses"} {
		delete(conf, own)
	}
	return conf
}

// checkEqualSettings waits until all peers that run have the same settings.
func (c *Cluster) checkEqualSettings() {
	c.t.Helper()
	Eventually(c.t, 20*time.Second, func() error {
		var first string
		for _, p := range c.Peers {
			raw, err := json.Marshal(p.shared(c.t))
			switch {
			case err != nil:
				return err
			case first == "":
				first = string(raw)
			case first != string(raw):
				return fmt.Errorf("%s has\n%s\nthe first peer has\n%s", p.Name, raw, first)
			}
		}
		return nil
	})
}

// What one request has changed, the next one sees, whichever peers nginx takes.
func TestSettingsThroughBalancer(t *testing.T) {
	pairs := scaled(100, 1000)
	c := Start(t)
	b := c.Balance()
	ask := func(command string, args ...string) string {
		t.Helper()
		body, _, err := callCommand(b.Client, b.API, "", command, args)
		if err != nil {
			t.Fatalf("%s %q: %v", command, args, err)
		}
		return body
	}
	seen, began := 0, time.Now()
	for n := range pairs {
		var answer, want string
		switch name := fmt.Sprintf("service.%d/x", n); n % 4 {
		case 0:
			want = fmt.Sprintf(`"Value":"/ipfs/%d"`, n)
			ask("config", "Gateway.RootRedirect", fmt.Sprint("/ipfs/", n))
			answer = ask("config", "Gateway.RootRedirect")
		case 1:
			want = bootstrapAddr(n + 1)
			ask("bootstrap/add", bootstrapAddr(n+1))
			answer = ask("bootstrap/list")
		case 2:
			want = name
			ask("pin/remote/service/add", name, "http://127.0.0.1:9", "key")
			answer = ask("pin/remote/service/ls")
		default:
			want = fmt.Sprintf(`"CidVersion":%d`, n/4%2)
			ask("config/profile/apply", []string{"legacy-cid-v0", "unixfs-v1-2025"}[n/4%2])
			answer = ask("config/show")
		}
		if strings.Contains(answer, want) {
			seen++
		} else {
			t.Errorf("after the change nr. %d %s is not in %s", n, want, answer)
		}
	}
	t.Logf("%d of %d changes seen at once, %s each", seen, pairs, (time.Since(began) / time.Duration(pairs)).Round(time.Millisecond))
	c.checkEqualSettings()

	// A request that names a peer changes all of them too.
	if _, err := c.Peers[1].Own("config", "Gateway.NoFetch", "true", "bool=true"); err != nil {
		t.Error(err)
	}
	for _, p := range c.Peers {
		if got, err := p.Own("config", "Gateway.NoFetch"); err != nil || !strings.Contains(got, "true") {
			t.Errorf("%s says %s, %v", p.Name, got, err)
		}
	}
	out := IPFS(t, "--api", Multiaddr(b.API), "config", "--json", "Import.CidVersion", "1") + IPFS(t, "--api", Multiaddr(b.API), "config", "Import.CidVersion")
	if strings.TrimSpace(out) != "1" {
		t.Errorf("the stock client prints %q", out)
	}
}

// Settings are in force after a restart of all peers, on one that was away, and on one that is new.
func TestSettingsOutliveRestarts(t *testing.T) {
	c := Start(t)
	away := c.others(c.leader())[0]
	if _, err := away.RPC("pubsub/ls"); err == nil {
		t.Fatal("pubsub is on from the start")
	}
	c.Stop(away)
	if _, err := c.leader().RPC("config", "Pubsub.Enabled", "true", "bool=true"); err != nil {
		t.Fatal(err)
	}
	c.Restart(away)
	c.AwaitReady(away)
	if got, err := away.RPC("config", "Pubsub.Enabled"); err != nil || !strings.Contains(got, "true") {
		t.Errorf("who was away says %s, %v", got, err)
	}

	c.KillAll(c.Peers...)
	for _, p := range c.Peers {
		c.Restart(p)
	}
	c.AwaitReady(c.Peers...)
	c.newcomer("peer4", 0, 1, 2)
	c.AwaitReady(c.Peers...)
	for _, p := range c.Peers {
		if got, err := p.RPC("config", "Pubsub.Enabled"); err != nil || !strings.Contains(got, "true") {
			t.Errorf("%s says %s, %v", p.Name, got, err)
		}
		_, err := p.RPC("pubsub/ls")
		if running := p.Name != "peer4"; running != (err == nil) { // a node that was running stays as it was until it starts again
			t.Errorf("pubsub on %s: %v", p.Name, err)
		}
	}
	c.checkEqualSettings()
}

// Clients change the same and different settings through all peers at once, while the leader dies: what was acknowledged
// is there in the end, and what was refused is not.
func TestConcurrentSettings(t *testing.T) {
	const clients, each = 6, 8
	c := Start(t)
	var mu sync.Mutex
	acked, unknown := make(map[string]bool), 0
	same := make(map[string]bool) // what may be the value that all change
	var running sync.WaitGroup
	for n := range clients {
		running.Go(func() {
			for i := range each {
				p, text := c.Peers[(n+i)%len(c.Peers)], bootstrapAddr(1+n*each+i)
				if _, err := p.RPC("bootstrap/add", text); err == nil {
					mu.Lock()
					acked[text] = true
					mu.Unlock()
				} else if refused(err) {
					t.Errorf("bootstrap add: %v", err)
				}
				value := fmt.Sprintf("%d-%d", n, i)
				_, err := p.RPC("config", "Gateway.RootRedirect", value)
				mu.Lock()
				if same[value] = true; err != nil {
					unknown++
				}
				mu.Unlock()
				if _, err := p.RPC("config", "Addresses.NoAnnounce", `["/ip4/192.0.2.0/ipcidr/24"]`, "json=true"); err == nil {
					t.Error("what is each peer's own was changed")
				}
			}
		})
	}
	Eventually(t, time.Minute, func() error {
		mu.Lock()
		defer mu.Unlock()
		if len(acked) < clients {
			return fmt.Errorf("%d changes so far", len(acked))
		}
		return nil
	})
	dead := c.leader()
	c.Kill(dead)
	running.Wait()
	c.Restart(dead)
	c.AwaitReady(c.Peers...)

	for _, p := range c.Peers {
		p.checkConcurrent(t, acked, same)
	}
	c.checkEqualSettings()
	t.Logf("%d of %d changes of a list acknowledged around the death of the leader; %d of as many of one value not", len(acked), clients*each, unknown)
}

// checkConcurrent checks what a peer has after concurrent changes: all that was acknowledged of a list, one of the values
// that were given to one setting, and nothing that was refused.
func (p *Peer) checkConcurrent(t *testing.T, acked, values map[string]bool) {
	t.Helper()
	list, err := p.RPC("bootstrap/list")
	if err != nil {
		t.Fatal(err)
	}
	var now struct{ Peers []string }
	if err := json.Unmarshal([]byte(list), &now); err != nil {
		t.Fatal(err)
	}
	for text := range acked {
		if !slices.Contains(now.Peers, text) {
			t.Errorf("%s has lost %s", p.Name, text)
		}
	}
	if conf, err := p.RPC("config", "Addresses.NoAnnounce"); err != nil || strings.Contains(conf, "192.0.2.0") {
		t.Errorf("%s has what was refused: %s, %v", p.Name, conf, err)
	}
	gateway, _ := p.shared(t)["Gateway"].(map[string]any)
	if value, _ := gateway["RootRedirect"].(string); !values[value] {
		t.Errorf("%s has the value %q", p.Name, value)
	}
}

// refused tells an answer that says that the request cannot be carried out, rather than that this peer could not.
func refused(err error) bool {
	var status *StatusError
	return errors.As(err, &status) && status.Code < 500
}

// Without a majority nothing is changed, reads say so, and stale reads work.
func TestSettingsWithoutMajority(t *testing.T) {
	t.Parallel() // it waits most of the time
	c := Start(t)
	if _, err := c.Peers[0].RPC("config", "Pubsub.Router", "floodsub"); err != nil {
		t.Fatal(err)
	}
	c.Kill(c.Peers[1])
	c.Kill(c.Peers[2])
	p := c.Peers[0]
	var asked sync.WaitGroup
	for _, args := range [][]string{{"Pubsub.Router"}, {"Pubsub.Router", "gossipsub"}} {
		asked.Go(func() {
			_, err := p.RPC("config", args...)
			var status *StatusError
			if !errors.As(err, &status) || status.Code != http.StatusServiceUnavailable || !strings.Contains(status.Body, `"Type":"error"`) {
				t.Errorf("config %q: %v", args, err)
			}
		})
	}
	asked.Wait()
	if got, err := p.RPC("config", "Pubsub.Router", "consistency=stale"); err != nil || !strings.Contains(got, "floodsub") {
		t.Errorf("a stale read: %s, %v", got, err)
	}
	c.Restart(c.Peers[1])
	c.Restart(c.Peers[2])
	c.AwaitReady(c.Peers...)
	for _, p := range c.Peers {
		if got, err := p.RPC("config", "Pubsub.Router"); err != nil || !strings.Contains(got, "floodsub") {
			t.Errorf("%s: %s, %v", p.Name, got, err)
		}
	}
}

// The key of a remote pinning service is in kubo's configuration file, where kubo has it, and nowhere else.
func TestSecretSettingsAreSealed(t *testing.T) {
	const secret, token = "the-key-of-a-service", "bearer:the-secret-of-a-client"
	c := Start(t)
	if _, err := c.Peers[0].RPC("pin/remote/service/add", "here", "http://127.0.0.1:9", secret); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Peers[1].RPC("config", "API.Authorizations", `{"x": {"AuthSecret": "`+token+`", "AllowedPaths": ["/"]}}`, "json=true"); err != nil {
		t.Fatal(err)
	}
	if shown, err := c.Peers[2].RPC("config/show"); err != nil || strings.Contains(shown, secret) || strings.Contains(shown, token) {
		t.Errorf("config show: %s, %v", shown, err)
	}
	c.checkEqualSettings()
	backup := filepath.Join(c.Dir, "pins.backup")
	if out, err := underlay(t, "backup", "--api", c.Peers[1].API, backup); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, p := range c.Peers {
		c.Stop(p) // what is in memory comes to the disk
	}
	found := make(map[string]bool)
	files := 0
	err := filepath.WalkDir(c.Dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		files++
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, text := range []string{secret, token} {
			if strings.Contains(string(raw), text) {
				found[path] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range c.Peers {
		if !found[p.settingsFile()] {
			t.Errorf("%s has no secret in its configuration of kubo", p.Name)
		}
		delete(found, p.settingsFile())
		c.Restart(p)
	}
	c.As(strings.TrimPrefix(token, "bearer:")) // it counts from now on
	for path := range maps.Keys(found) {
		t.Errorf("a secret is in %s", path)
	}
	t.Logf("looked at %d files", files)
}
