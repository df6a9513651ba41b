package stock

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Cluster is some hosts with one secret.
type Cluster struct{ Hosts []*Host }

// New chooses directories and ports for a cluster; nothing is made or started. What its hosts start ends with the test.
func New(t testing.TB, hosts int) *Cluster {
	t.Helper()
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails
	dir, free := t.TempDir(), FreePorts(t, ports*hosts)
	c := &Cluster{}
	for i := range hosts {
		h := newHost(t, filepath.Join(dir, "peer"+strconv.Itoa(i+1)), hex.EncodeToString(secret), free[ports*i:])
		c.Hosts = append(c.Hosts, h)
	}
	t.Cleanup(c.Stop)
	return c
}

// Stop ends all programs.
func (c *Cluster) Stop() {
	var ending sync.WaitGroup
	for _, h := range c.Hosts {
		ending.Go(h.Stop)
	}
	ending.Wait()
}

// InitPeers gives every cluster peer an identity, then everybody's address.
func (c *Cluster) InitPeers() {
	var addresses []string
	for _, h := range c.Hosts {
		h.Service("init", "--consensus", "raft")
		raw, err := os.ReadFile(filepath.Join(h.Dir, "cluster", "identity.json"))
		if err != nil {
			h.t.Fatal(err)
		}
		var identity struct{ ID string }
		if err := json.Unmarshal(raw, &identity); err != nil {
			h.t.Fatal(err)
		}
		h.ID = identity.ID
		addresses = append(addresses, localAddr(h.peerSwarm)+"/p2p/"+h.ID)
	}
	for _, h := range c.Hosts {
		h.Service("init", "--force", "--consensus", "raft", "--peers", strings.Join(addresses, ","))
	}
}

// ErrNoLeader is returned while no peer leads.
var ErrNoLeader = errors.New("no host leads")

// electionLine is what raft logs when a peer wins an election.
var electionLine = regexp.MustCompile(`(?m)^(\S+)\s.*entering leader state`)

// Leader finds the host that has won the latest election, which no API tells.
func (c *Cluster) Leader() (int, error) {
	latest, leader := "", -1
	for i, h := range c.Hosts {
		raw, err := os.ReadFile(h.Log())
		if err != nil {
			return 0, fmt.Errorf("look for the leader: %w", err)
		}
		for _, found := range electionLine.FindAllSubmatch(raw, -1) {
			if at := string(found[1]); at > latest {
				latest, leader = at, i
			}
		}
	}
	if leader < 0 {
		return 0, ErrNoLeader
	}
	return leader, nil
}
