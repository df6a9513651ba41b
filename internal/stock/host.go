package stock

import (
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/underlay/underlay/internal/itest"
)

// ports is how many ports a host has.
const ports = 7

// Host is one machine's worth of the stock stack: a kubo daemon and a cluster peer that uses it.
type Host struct {
	Dir           string // holds ipfs and cluster, the directories of the two
	ID            string // of the cluster peer; set by Cluster.InitPeers
	Kubo, Cluster *Process

	t      testing.TB
	secret string

	kuboAPI, kuboGateway, kuboSwarm        int
	rest, proxy, pinningService, peerSwarm int
}

// newHost is a host in a directory that is made when kubo is. It starts nothing. ports are as many as a host has.
func newHost(t testing.TB, dir, secret string, ports []int) *Host {
	return &Host{
		t: t, Dir: dir, secret: secret, kuboAPI: ports[0], kuboGateway: ports[1], kuboSwarm: ports[2],
		rest: ports[3], proxy: ports[4], peerSwarm: ports[5], pinningService: ports[6],
	}
}

// RPC is the URL of kubo's RPC API.
func (h *Host) RPC() string { return localURL(h.kuboAPI) }

// REST is the URL of the cluster's REST API.
func (h *Host) REST() string { return localURL(h.rest) }

// Proxy is the URL of the RPC API that acts on the cluster.
func (h *Host) Proxy() string { return localURL(h.proxy) }

func localURL(port int) string  { return "http://127.0.0.1:" + strconv.Itoa(port) }
func localAddr(port int) string { return "/ip4/127.0.0.1/tcp/" + strconv.Itoa(port) }

// Repo is the directory of kubo's repository.
func (h *Host) Repo() string { return filepath.Join(h.Dir, "ipfs") }

// Log is the file with what the cluster peer says.
func (h *Host) Log() string { return filepath.Join(h.Dir, "cluster.log") }

// InitKubo makes a repository with defaults, apart from its ports and from all by which it would find others.
func (h *Host) InitKubo() {
	h.t.Helper()
	if err := os.MkdirAll(h.Dir, 0o700); err != nil {
		h.t.Fatal(err)
	}
	run(h.t, h.kuboEnv(), itest.Kubo(h.t), "init", "--profile=autoconf-off")
	file := filepath.Join(h.Repo(), "config")
	raw, err := os.ReadFile(file)
	if err != nil {
		h.t.Fatal(err)
	}
	var conf map[string]any
	if err := json.Unmarshal(raw, &conf); err != nil {
		h.t.Fatal(err)
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
		h.t.Fatal(err)
	}
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		h.t.Fatal(err)
	}
}

func (h *Host) kuboEnv() []string {
	return []string{"IPFS_PATH=" + h.Repo(), "IPFS_TELEMETRY=off"}
}

// clusterEnv overrides what cannot be the default on one machine: the addresses, and the search for peers by mDNS. It
// also has raft log its elections.
func (h *Host) clusterEnv() []string {
	return []string{
		"IPFS_CLUSTER_PATH=" + filepath.Join(h.Dir, "cluster"),
		"CLUSTER_PEERNAME=" + filepath.Base(h.Dir),
		"CLUSTER_SECRET=" + h.secret,
		"CLUSTER_MDNSINTERVAL=0",
		"IPFS_CLUSTER_LOG_LEVEL=raftlib:info",
		"CLUSTER_LISTENMULTIADDRESS=" + localAddr(h.peerSwarm),
		"CLUSTER_RESTAPI_HTTPLISTENMULTIADDRESS=" + localAddr(h.rest),
		"CLUSTER_IPFSPROXY_LISTENMULTIADDRESS=" + localAddr(h.proxy),
		"CLUSTER_PINSVCAPI_HTTPLISTENMULTIADDRESS=" + localAddr(h.pinningService),
		"CLUSTER_IPFSPROXY_NODEMULTIADDRESS=" + localAddr(h.kuboAPI),
		"CLUSTER_IPFSHTTP_NODEMULTIADDRESS=" + localAddr(h.kuboAPI),
	}
}

// Service runs a command of ipfs-cluster-service that must succeed.
func (h *Host) Service(args ...string) {
	h.t.Helper()
	run(h.t, h.clusterEnv(), itest.ClusterService(h.t), args...)
}

// StartKubo starts the daemon and does not wait.
func (h *Host) StartKubo() {
	h.t.Helper()
	h.Kubo = Start(h.t, filepath.Join(h.Dir, "kubo.log"), h.kuboEnv(), itest.Kubo(h.t), "daemon")
}

// StartCluster starts the cluster peer when kubo listens, and does not wait until it is ready.
func (h *Host) StartCluster() {
	h.t.Helper()
	// A cluster peer whose node is not there yet waits before it tries again: spare it that, as an operator would.
	itest.Eventually(h.t, time.Minute, func() error {
		if err := h.Kubo.Check(); err != nil {
			h.t.Fatal(err)
		}
		return dial(h.kuboAPI)
	})
	h.Cluster = Start(h.t, h.Log(), h.clusterEnv(), itest.ClusterService(h.t), "daemon")
}

func dial(port int) error {
	conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err == nil {
		conn.Close()
	}
	return err
}

// Stop ends both programs; it may be called for a host that never started.
func (h *Host) Stop() {
	for _, p := range []*Process{h.Cluster, h.Kubo} {
		if p != nil {
			p.Stop()
		}
	}
}

// run executes a program that must succeed.
func run(t testing.TB, env []string, program string, args ...string) {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", filepath.Base(program), args, err, out)
	}
}

// Gateway is the URL of kubo's gateway.
func (h *Host) Gateway() string { return localURL(h.kuboGateway) }
