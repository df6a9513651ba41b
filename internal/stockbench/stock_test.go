package stockbench

import (
	"errors"
	"testing"
	"time"

	"github.com/underlay/underlay/internal/stock"
)

// theirs drives three hosts of the stock stack.
type theirs struct {
	cluster *stock.Cluster
	side    *side
}

// startStock prepares and starts three hosts whose pinset, and whose nodes' pins, hold the existing CIDs.
func startStock(b *testing.B, existing []string) *side {
	b.Helper()
	s := &theirs{cluster: stock.New(b, 3)}
	filled := stock.New(b, 1).Hosts[0] // never started: each of its pins would cost the disk several syncs
	filled.Dir = memoryDir(b)
	filled.InitKubo()
	pinOffline(b, filled.Repo(), existing)
	for _, h := range s.cluster.Hosts {
		h.InitKubo()
		copyPins(b, filled.Dir, h.Dir)
	}
	s.cluster.InitPeers()
	if len(existing) > 0 {
		state := writeState(b, existing)
		for _, h := range s.cluster.Hosts {
			h.Service("state", "import", "--force", state)
		}
	}

	s.side = &side{name: "stock", control: s, client: newClient(), existing: existing}
	for _, h := range s.cluster.Hosts {
		s.side.hosts = append(s.side.hosts, &host{rest: h.REST(), rpc: h.RPC(), api: h.Proxy()})
	}
	began := time.Now()
	for _, h := range s.cluster.Hosts {
		h.StartKubo()
	}
	for i := range s.cluster.Hosts {
		s.startCluster(i)
	}
	for i := range s.cluster.Hosts {
		s.side.awaitReady(b, i)
	}
	s.side.startup = time.Since(began)
	return s.side
}

func (s *theirs) start(host int) {
	s.cluster.Hosts[host].StartKubo()
	s.startCluster(host)
}

func (s *theirs) startCluster(host int) {
	h := s.cluster.Hosts[host]
	h.StartCluster()
	s.side.hosts[host].pids = []int{h.Kubo.PID(), h.Cluster.PID()}
}

func (s *theirs) stop(host int) { s.cluster.Hosts[host].Stop() }

func (s *theirs) check(host int) error {
	h := s.cluster.Hosts[host]
	return errors.Join(h.Kubo.Check(), h.Cluster.Check())
}

func (s *theirs) kill(host int) {
	s.cluster.Hosts[host].Cluster.Kill()
	s.cluster.Hosts[host].Kubo.Kill()
}

func (s *theirs) leader() (int, error) { return s.cluster.Leader() }
