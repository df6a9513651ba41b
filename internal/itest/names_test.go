package itest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/ipfs/boxo/ipns"
	"github.com/libp2p/go-libp2p/core/crypto"

	"github.com/underlay/underlay/internal/testkit"
)

// through is the balancer as if it were a peer, which it is for a client.
func (b *Balancer) through() *Peer {
	return &Peer{Name: "the balancer", API: b.API, Gateway: b.Gateway, http: b.Client}
}

// named is what the key and name commands answer.
type named struct{ Name, Id, Value, Path string } // kubo's spelling

// ask calls a command that answers with one object.
func (p *Peer) ask(t *testing.T, command string, args ...string) (answer named) {
	t.Helper()
	body, err := p.RPC(command, args...)
	if err == nil {
		err = json.Unmarshal([]byte(body), &answer)
	}
	if err != nil {
		t.Fatalf("%s %v through %s: %v", command, args, p.Name, err)
	}
	return answer
}

// keyNames lists the keys but self.
func (p *Peer) keyNames(t *testing.T) (names []string) {
	t.Helper()
	body, err := p.RPC("key/list")
	var list struct{ Keys []named }
	if err == nil {
		err = json.Unmarshal([]byte(body), &list)
	}
	if err != nil {
		t.Fatalf("list keys through %s: %v", p.Name, err)
	}
	for _, key := range list.Keys[1:] {
		names = append(names, key.Name)
	}
	return names
}

// record is the record of a name that the peer knows.
func (p *Peer) record(t *testing.T, name string) (sequence uint64, end time.Time) {
	t.Helper()
	raw, err := p.RPC("name/get", name)
	if err != nil {
		t.Fatalf("get the record of %s through %s: %v", name, p.Name, err)
	}
	rec, err := ipns.UnmarshalRecord([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	if sequence, err = rec.Sequence(); err == nil {
		end, err = rec.Validity()
	}
	if err != nil {
		t.Fatal(err)
	}
	return sequence, end
}

// leadsTo checks that every running peer and its gateway lead a name to content.
func (c *Cluster) leadsTo(name, cid string, content []byte) {
	c.t.Helper()
	for _, p := range c.Peers {
		if !p.running {
			continue
		}
		body, err := p.RPC("name/resolve", name)
		if err != nil || !bytes.Contains([]byte(body), []byte(`"/ipfs/`+cid+`"`)) {
			c.t.Fatalf("%s leads %s to %s, %v, want %s", p.Name, name, body, err, cid)
		}
		got, err := p.Fetch("/ipns/" + name)
		if err != nil || !bytes.Equal(got, content) {
			c.t.Fatalf("the gateway of %s shows %q for %s, %v, want %q", p.Name, got, name, err, content)
		}
	}
}

// Through a balancer that takes turns, every key command sees what the one before has done, each time.
func TestKeysThroughTheBalancer(t *testing.T) {
	c := Start(t)
	all := c.Balance().through()
	var kept []string
	for i := range 50 {
		first, second := fmt.Sprintf("key %d", i), fmt.Sprintf("renamed %d", i)
		id := all.ask(t, "key/gen", first).Id
		if names := all.keyNames(t); !slices.Contains(names, first) {
			t.Fatalf("round %d: made, and not listed: %v", i, names)
		}
		if got := all.ask(t, "key/rename", first, second).Id; got != id {
			t.Fatalf("round %d: renamed, the key is %s instead of %s", i, got, id)
		}
		signed, err := all.Upload("key/sign?key=renamed+"+fmt.Sprint(i), []byte("text"))
		if err != nil {
			t.Fatal(err)
		}
		var by struct{ Key named }
		if err := json.Unmarshal(signed, &by); err != nil || by.Key.Id != id {
			t.Fatalf("round %d: signed by %s, %v", i, signed, err)
		}
		if i%2 == 0 {
			kept = append(kept, second)
			continue
		}
		if _, err := all.RPC("key/rm", second); err != nil {
			t.Fatal(err)
		}
		if _, err := all.RPC("key/rm", second); err == nil {
			t.Fatalf("round %d: removed twice", i)
		}
	}
	slices.Sort(kept)
	for _, p := range c.Peers {
		if names := p.keyNames(t); !slices.Equal(names, kept) {
			t.Errorf("%s has the keys %v, want %v", p.Name, names, kept)
		}
	}
}

// What is published through any peer leads through every peer and every gateway to the new content at once.
func TestPublishThroughTheBalancer(t *testing.T) {
	c := Start(t)
	all := c.Balance().through()
	names := map[string]string{"self": "", "key": all.ask(t, "key/gen", "key").Id}
	for i := range 200 {
		content := fmt.Appendf(nil, "content %d", i)
		cid, err := all.Add(content, "cid-version=1")
		if err != nil {
			t.Fatal(err)
		}
		c.Acked(cid)
		key := []string{"self", "key"}[i%2]
		args := []string{"/ipfs/" + cid}
		if key != "self" {
			args = append(args, "key="+key)
		}
		done := all.ask(t, "name/publish", args...)
		if names[key] == "" {
			names[key] = done.Name
		}
		if done.Name != names[key] {
			t.Fatalf("round %d: %s has the names %s and %s", i, key, names[key], done.Name)
		}
		c.leadsTo(done.Name, cid, content)
		if sequence, _ := all.record(t, done.Name); sequence != uint64(i/2) {
			t.Fatalf("round %d: publication %d of %s has the number %d", i, i/2, key, sequence)
		}
	}
}

// Names outlive the leader, and all processes at once. Who leads then publishes them anew.
func TestNamesOutliveTheLeader(t *testing.T) {
	t.Parallel() // it waits most of the time
	file := filepath.Join(t.TempDir(), "settings.yaml")
	if err := os.WriteFile(file, []byte("ipfs: {Ipns: {RepublishPeriod: 1m, RecordLifetime: 5h}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := Start(t, "--config", file)
	content := []byte("content")
	cid, err := c.Peers[0].Add(content, "")
	if err != nil {
		t.Fatal(err)
	}
	c.Acked(cid)
	other, err := c.Peers[0].Add([]byte("other"), "")
	if err != nil {
		t.Fatal(err)
	}
	c.Acked(other)
	c.Peers[1].ask(t, "key/gen", "key")
	name := c.Peers[2].ask(t, "name/publish", "/ipfs/"+other, "key=key").Name

	leader := c.leader()
	if done := leader.ask(t, "name/publish", "/ipfs/"+cid, "key=key", "lifetime=2h"); done.Name != name {
		t.Fatalf("published as %s, want %s", done.Name, name)
	}
	c.Kill(leader)
	survivors := c.others(leader)
	c.leadsTo(name, cid, content)
	for i, target := range []string{other, cid} {
		survivors[i].ask(t, "name/publish", "/ipfs/"+target, "key=key", "lifetime=2h")
	}
	c.leadsTo(name, cid, content)
	if sequence, _ := survivors[0].record(t, name); sequence != 3 {
		t.Errorf("after a change of leader the number is %d, want 3", sequence)
	}
	c.Restart(leader)
	c.AwaitReady(leader)
	c.leadsTo(name, cid, content)

	c.KillAll(c.Peers...)
	for _, p := range c.Peers {
		c.Restart(p)
	}
	c.AwaitReady(c.Peers...)
	c.leadsTo(name, cid, content)
	if !faultMode() { // a period is a minute at least
		return
	}
	Eventually(t, 2*time.Minute, func() error {
		if _, end := c.Peers[0].record(t, name); time.Until(end) < 4*time.Hour {
			return fmt.Errorf("the record ends at %s: it was not published anew", end)
		}
		return nil
	})
	if sequence, _ := c.Peers[1].record(t, name); sequence != 3 {
		t.Errorf("published anew the number is %d, want 3", sequence)
	}
	c.leadsTo(name, cid, content)
}

// No file of any peer shows a private key: not the log, the state, the repository of the node, nor a backup.
func TestNoFileShowsAKey(t *testing.T) {
	c := Start(t)
	secret := make(map[string]crypto.PrivKey)
	for i, kind := range []int{crypto.Ed25519, crypto.RSA, crypto.Ed25519} {
		key, _, err := crypto.GenerateKeyPair(kind, 2048)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := crypto.MarshalPrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprint("imported ", i)
		if _, err := c.Peers[i].Upload("key/import?arg="+url.QueryEscape(name), raw); err != nil {
			t.Fatal(err)
		}
		secret[name] = key
	}
	c.Peers[1].ask(t, "key/rename", "imported 2", "renamed")
	cid, err := c.Peers[0].Add([]byte("content"), "")
	if err != nil {
		t.Fatal(err)
	}
	c.Acked(cid)
	for _, p := range c.Peers {
		for _, key := range []string{"self", "imported 1", "renamed"} {
			p.ask(t, "name/publish", "/ipfs/"+cid, "key="+key)
		}
	}
	if out, err := underlay(t, "backup", "--api", c.Peers[1].API, filepath.Join(c.Dir, "pins.backup")); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, p := range c.Peers { // all of it is on the disk then
		c.Stop(p)
	}
	if found := testkit.FilesWith(t, c.Dir, map[string][]byte{"name": []byte("key/renamed")}); len(found["name"]) < len(c.Peers) {
		t.Errorf("the search finds the name of a key, which is in the clear, in %v", found)
	}
	for name, key := range secret {
		if found := testkit.FilesWith(t, c.Dir, testkit.KeyForms(t, key)); len(found) > 0 {
			t.Errorf("the private key %q is in %v", name, found)
		}
	}
	for _, p := range c.Peers {
		c.Restart(p)
	}
	c.AwaitReady(c.Peers...)
}
