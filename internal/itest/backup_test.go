package itest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
)

// underlay runs the program under test and returns its output.
func underlay(t *testing.T, args ...string) (string, error) {
	t.Helper()
	out, err := exec.Command(Underlay(t), args...).CombinedOutput()
	return string(out), err
}

// fill pins a number of CIDs with differing options, and returns the pinset.
func (c *Cluster) fill(n int) map[string]string {
	c.t.Helper()
	for i := range n {
		cid, err := c.Peers[i%len(c.Peers)].Add(fmt.Appendf(nil, "pin %d", i), "pin=false")
		if err != nil {
			c.t.Fatal(err)
		}
		spec := pinSpec{name: fmt.Sprint("name ", i), meta: map[string]string{"n": fmt.Sprint(i)}}
		if i%3 == 0 {
			spec.mode = "direct"
		}
		if i%5 == 0 {
			spec.expiry = time.Now().Add(time.Hour)
		}
		if _, err := c.Peers[0].Do("POST", "/pins/"+cid+"?"+spec.query()); err != nil {
			c.t.Fatal(err)
		}
	}
	pins, err := c.Peers[0].Allocations()
	if err != nil {
		c.t.Fatal(err)
	}
	return pins
}

// The pinset of one cluster, saved through a peer while it is at work, becomes the pinset of a new one, exactly. A
// cluster that has pins is left alone unless told otherwise.
func TestBackupAndRestore(t *testing.T) {
	old := Start(t)
	want := old.fill(60)
	file := filepath.Join(t.TempDir(), "pins.backup")
	if out, err := underlay(t, "backup", "--api", old.Peers[1].API, file); err != nil || !strings.Contains(out, "saved 60 pins") {
		t.Fatalf("%v: %s", err, out)
	}

	fresh := Start(t)
	if out, err := underlay(t, "restore", "--api", fresh.Peers[2].API, file); err != nil || !strings.Contains(out, "restored 60 pins") {
		t.Fatalf("%v: %s", err, out)
	}
	for _, p := range fresh.Peers {
		if got, err := p.Allocations(); err != nil || !maps.Equal(got, want) {
			t.Errorf("%s: %v\nwant %v\ngot  %v", p.Name, err, want, got)
		}
	}

	extra, err := fresh.Peers[0].Add([]byte("not in the backup"), "")
	if err != nil {
		t.Fatal(err)
	}
	if out, err := underlay(t, "restore", "--api", fresh.Peers[0].API, file); err == nil || !strings.Contains(out, "force") {
		t.Errorf("a cluster with pins was overwritten: %v: %s", err, out)
	}
	if _, err := fresh.Peers[1].Allocation(extra); err != nil {
		t.Errorf("a refused restore changed something: %v", err)
	}
	if out, err := underlay(t, "restore", "--force", "--api", fresh.Peers[0].API, file); err != nil || !strings.Contains(out, "removed 1") {
		t.Errorf("%v: %s", err, out)
	}
	if got, err := fresh.Peers[1].Allocations(); err != nil || !maps.Equal(got, want) {
		t.Errorf("after restore --force: %v, %d pins", err, len(got))
	}

	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	damaged := filepath.Join(t.TempDir(), "damaged")
	if err := os.WriteFile(damaged, whole[:len(whole)-200], 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := underlay(t, "restore", "--force", "--api", fresh.Peers[0].API, damaged); err == nil || !strings.Contains(out, "damaged or incomplete") {
		t.Errorf("%v: %s", err, out)
	}
}

// restore sends a backup to a peer.
func (p *Peer) restore(file []byte, query string) error {
	resp, err := p.http.Post(p.REST+"/restore"+query, "application/x-ndjson", bytes.NewReader(file))
	if err != nil {
		return err
	}
	_, err = readAnswer(resp)
	return err
}

// Keys, names and settings come back with the pins in a cluster that has the same secret; in another one nothing is changed,
// unless only the pins are wanted.
func TestRestoreBesideThePins(t *testing.T) {
	old := Start(t)
	key, err := old.Peers[0].RPC("key/gen", "restored")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := old.Peers[1].RPC("config", "Gateway.RootRedirect", "/ipfs/restored"); err != nil {
		t.Fatal(err)
	}
	cid, err := old.Peers[2].Add([]byte("published"), "cid-version=1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := old.Peers[2].RPC("name/publish", cid, "key=restored", "allow-offline=true"); err != nil {
		t.Fatal(err)
	}
	file, err := old.Peers[0].Do("GET", "/backup")
	if err != nil {
		t.Fatal(err)
	}

	dir := t.TempDir()
	secret, err := os.ReadFile(filepath.Join(old.Dir, "secret"))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "secret"), secret, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	same := Start(t, "--dir", dir)
	if err := same.Peers[1].restore(file, ""); err != nil {
		t.Fatal(err)
	}
	name := strings.Split(key, `"`)[7] // {"Name":"restored","Id":"k51..."}
	for _, p := range same.Peers {
		if list, err := p.RPC("key/list"); err != nil || !strings.Contains(list, name) {
			t.Errorf("keys of %s: %s, %v, want %s", p.Name, list, err, key)
		}
		if got, err := p.RPC("config", "Gateway.RootRedirect"); err != nil || !strings.Contains(got, "/ipfs/restored") {
			t.Errorf("setting of %s: %s, %v", p.Name, got, err)
		}
		if got, err := p.RPC("name/resolve", name); err != nil || !strings.Contains(got, cid) {
			t.Errorf("%s resolves the name to %s, %v", p.Name, got, err)
		}
	}
	if err := same.Peers[0].restore(file, ""); err == nil {
		t.Error("keys of a cluster were replaced without force")
	}
	if err := same.Peers[0].restore(file, "?force=true"); err != nil {
		t.Error(err)
	}

	other := Start(t)
	if status, _ := asStatus(other.Peers[0].restore(file, "")); status != 409 {
		t.Errorf("under another secret: status %d", status)
	}
	if pins, err := other.Peers[1].Allocations(); err != nil || len(pins) != 0 {
		t.Errorf("a refused restore has pinned %v, %v", pins, err)
	}
	if err := other.Peers[0].restore(file, "?pins-only=true"); err != nil {
		t.Error(err)
	}
	if pins, err := other.Peers[1].Allocations(); err != nil || len(pins) != 1 {
		t.Errorf("only the pins: %v, %v", pins, err)
	}
	if list, err := other.Peers[2].RPC("key/list"); err != nil || strings.Contains(list, name) {
		t.Errorf("only the pins: keys %s, %v", list, err)
	}
}

// What `ipfs-cluster-service state export` writes is added to the pinset; allocations to peers that are no members here
// are made anew.
func TestImportOfStockExport(t *testing.T) {
	c := Start(t)
	kept, err := c.Peers[0].Add([]byte("was here before"), "")
	if err != nil {
		t.Fatal(err)
	}
	c.Acked(kept)
	moved, err := c.Peers[0].Add([]byte("moved over"), "pin=false")
	if err != nil {
		t.Fatal(err)
	}
	ci, err := api.DecodeCid(moved)
	if err != nil {
		t.Fatal(err)
	}
	var stranger api.Pin // only for a peer ID that is no member
	if err := json.Unmarshal([]byte(`{"cid":"`+moved+`","type":"pin","allocations":["12D3KooWAroxTDjbE4YgFEg975rEfHxtjgxVqvsVJLqy4EchGDkQ"]}`), &stranger); err != nil {
		t.Fatal(err)
	}
	pin := api.PinWithOpts(ci, api.PinOptions{Name: "from stock", ReplicationFactorMin: 1, ReplicationFactorMax: 2, Metadata: map[string]string{"k": "v"}})
	pin.Allocations = stranger.Allocations
	var lines bytes.Buffer
	if err := json.NewEncoder(&lines).Encode(pin); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "export.json")
	if err := os.WriteFile(file, lines.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	Eventually(t, time.Minute, func() error { // allocation needs the peers' metrics
		if out, err := underlay(t, "import", "--api", c.Peers[1].API, file); err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	})
	c.Acked(moved)
	got, err := c.Peers[2].Allocation(moved)
	if err != nil || got.Name != "from stock" || got.Metadata["k"] != "v" || len(got.Allocations) == 0 {
		t.Fatalf("%v, %v", got, err)
	}
	for _, id := range got.Allocations {
		if id == stranger.Allocations[0] {
			t.Errorf("still allocated to a peer that is no member: %v", got.Allocations)
		}
	}
	if out, err := underlay(t, "restore", "--api", c.Peers[0].API, file); err == nil || !strings.Contains(out, "underlay import") {
		t.Errorf("a stock export was taken for a backup: %v: %s", err, out)
	}
}
