package stockbench

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/underlay/underlay/internal/itest"
)

var errNoLeader = errors.New("no host leads")

// stockHost is one pair of stock daemons.
type stockHost struct {
	dir                              string
	id                               string // of the cluster peer
	kuboAPI, kuboGateway, kuboSwarm  int
	clusterREST, clusterProxy, swarm int
	clusterPinService                int
	kubo, cluster                    *process
}

// stock drives three pairs of stock daemons.
type stock struct {
	b             *testing.B
	kubo, service string // paths of the programs
	hosts         [3]*stockHost
	side          *side
	sharedSecret  string
}

// startStock prepares and starts three pairs whose pinset, and whose nodes' pins, hold the existing CIDs.
func startStock(b *testing.B, existing []string) *side {
	b.Helper()
	s := &stock{b: b, kubo: build(b, kuboPackage), service: build(b, servicePackage), sharedSecret: fmt.Sprintf("%x", random(32))}
	dir := b.TempDir()
	ports := freePorts(b, 7*len(s.hosts))
	filled := &stockHost{dir: memoryDir(b)} // never started: each of its pins would cost the disk several syncs
	s.initKubo(filled)
	pinOffline(b, filepath.Join(filled.dir, "ipfs"), existing)
	for i := range s.hosts {
		p := ports[7*i:]
		s.hosts[i] = &stockHost{
			dir: filepath.Join(dir, strconv.Itoa(i)), kuboAPI: p[0], kuboGateway: p[1], kuboSwarm: p[2],
			clusterREST: p[3], clusterProxy: p[4], swarm: p[5], clusterPinService: p[6],
		}
		s.initKubo(s.hosts[i])
		copyPins(b, filled.dir, s.hosts[i].dir)
	}
	s.initCluster(existing)

	s.side = &side{name: "stock", control: s, client: newClient(), existing: existing}
	for _, h := range s.hosts {
		s.side.hosts = append(s.side.hosts, &host{rest: localURL(h.clusterREST), rpc: localURL(h.kuboAPI), api: localURL(h.clusterProxy)})
	}
	b.Cleanup(func() {
		for i := range s.hosts {
			s.stop(i)
		}
	})
	began := time.Now()
	for _, h := range s.hosts {
		s.startKubo(h)
	}
	for i := range s.hosts {
		s.startCluster(i)
	}
	for i := range s.hosts {
		s.side.awaitReady(b, i)
	}
	s.side.startup = time.Since(began)
	return s.side
}

func localURL(port int) string { return "http://127.0.0.1:" + strconv.Itoa(port) }

// initKubo makes a repository with defaults, apart from its ports and from all by which it would find others.
func (s *stock) initKubo(h *stockHost) {
	s.b.Helper()
	if err := os.MkdirAll(h.dir, 0o700); err != nil {
		s.b.Fatal(err)
	}
	run(s.b, h.kuboEnv(), s.kubo, "init", "--profile=autoconf-off")
	file := filepath.Join(h.dir, "ipfs", "config")
	raw, err := os.ReadFile(file)
	if err != nil {
		s.b.Fatal(err)
	}
	var conf map[string]any
	if err := json.Unmarshal(raw, &conf); err != nil {
		s.b.Fatal(err)
	}
	addresses := conf["Addresses"].(map[string]any)
	addresses["API"] = localAddr(h.kuboAPI)
	addresses["Gateway"] = localAddr(h.kuboGateway)
	addresses["Swarm"] = []string{localAddr(h.kuboSwarm)}
	conf["Bootstrap"] = []string{}
	conf["Discovery"] = map[string]any{"MDNS": map[string]any{"Enabled": false}}
	conf["AutoTLS"] = map[string]any{"Enabled": false}
	conf["Swarm"].(map[string]any)["DisableNatPortMap"] = true
	if raw, err = json.Marshal(conf); err != nil {
		s.b.Fatal(err)
	}
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		s.b.Fatal(err)
	}
}

func localAddr(port int) string { return "/ip4/127.0.0.1/tcp/" + strconv.Itoa(port) }

// initCluster gives every cluster peer an identity, then everybody's address, then the existing pins.
func (s *stock) initCluster(existing []string) {
	s.b.Helper()
	var addresses []string
	for _, h := range s.hosts {
		run(s.b, s.clusterEnv(h), s.service, "init", "--consensus", "raft")
		raw, err := os.ReadFile(filepath.Join(h.dir, "cluster", "identity.json"))
		if err != nil {
			s.b.Fatal(err)
		}
		var identity struct{ ID string }
		if err := json.Unmarshal(raw, &identity); err != nil {
			s.b.Fatal(err)
		}
		h.id = identity.ID
		addresses = append(addresses, localAddr(h.swarm)+"/p2p/"+h.id)
	}
	state := writeState(s.b, existing)
	for _, h := range s.hosts {
		run(s.b, s.clusterEnv(h), s.service, "init", "--force", "--consensus", "raft", "--peers", strings.Join(addresses, ","))
		if len(existing) > 0 {
			run(s.b, s.clusterEnv(h), s.service, "state", "import", "--force", state)
		}
	}
}

func (h *stockHost) kuboEnv() []string {
	return []string{"IPFS_PATH=" + filepath.Join(h.dir, "ipfs"), "IPFS_TELEMETRY=off"}
}

// clusterEnv overrides what cannot be the default on one machine: the addresses, and the search for peers by mDNS. It
// also has raft log its elections, see leader.
func (s *stock) clusterEnv(h *stockHost) []string {
	return []string{
		"IPFS_CLUSTER_PATH=" + filepath.Join(h.dir, "cluster"),
		"CLUSTER_PEERNAME=" + filepath.Base(h.dir),
		"CLUSTER_SECRET=" + s.sharedSecret,
		"CLUSTER_MDNSINTERVAL=0",
		"IPFS_CLUSTER_LOG_LEVEL=raftlib:info",
		"CLUSTER_LISTENMULTIADDRESS=" + localAddr(h.swarm),
		"CLUSTER_RESTAPI_HTTPLISTENMULTIADDRESS=" + localAddr(h.clusterREST),
		"CLUSTER_IPFSPROXY_LISTENMULTIADDRESS=" + localAddr(h.clusterProxy),
		"CLUSTER_PINSVCAPI_HTTPLISTENMULTIADDRESS=" + localAddr(h.clusterPinService),
		"CLUSTER_IPFSPROXY_NODEMULTIADDRESS=" + localAddr(h.kuboAPI),
		"CLUSTER_IPFSHTTP_NODEMULTIADDRESS=" + localAddr(h.kuboAPI),
	}
}

func (s *stock) start(host int) {
	s.startKubo(s.hosts[host])
	s.startCluster(host)
}

func (s *stock) startKubo(h *stockHost) {
	h.kubo = startProcess(s.b, filepath.Join(h.dir, "kubo.log"), h.kuboEnv(), s.kubo, "daemon")
}

func (s *stock) startCluster(host int) {
	h := s.hosts[host]
	// A cluster peer whose node is not there yet waits before it tries again: spare it that, as an operator would.
	itest.Eventually(s.b, time.Minute, func() error {
		if err := h.kubo.check(); err != nil {
			s.b.Fatal(err)
		}
		return dial(h.kuboAPI)
	})
	h.cluster = startProcess(s.b, h.clusterLog(), s.clusterEnv(h), s.service, "daemon")
	s.side.hosts[host].pids = []int{h.kubo.pid(), h.cluster.pid()}
}

func (h *stockHost) clusterLog() string { return filepath.Join(h.dir, "cluster.log") }

func dial(port int) error {
	conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err == nil {
		conn.Close()
	}
	return err
}

// stop may be called for a host that never started.
func (s *stock) stop(host int) {
	for _, p := range []*process{s.hosts[host].cluster, s.hosts[host].kubo} {
		if p != nil {
			p.stop()
		}
	}
}

func (s *stock) check(host int) error {
	return errors.Join(s.hosts[host].kubo.check(), s.hosts[host].cluster.check())
}

func (s *stock) kill(host int) {
	s.hosts[host].cluster.kill()
	s.hosts[host].kubo.kill()
}

// electionLine is what raft logs when a peer wins an election.
var electionLine = regexp.MustCompile(`(?m)^(\S+)\s.*entering leader state`)

// leader finds the peer that has won the latest election, which no API tells.
func (s *stock) leader() (int, error) {
	latest, leader := "", -1
	for i, h := range s.hosts {
		raw, err := os.ReadFile(h.clusterLog())
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
		return 0, errNoLeader
	}
	return leader, nil
}
