package stockbench

import (
	"bytes"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/underlay/underlay/internal/itest"
	"github.com/underlay/underlay/internal/stock"
)

const bareServerPackage = "github.com/underlay/underlay/internal/stockbench/bareserver"

// workVariable limits BenchmarkGateway to the work whose name begins so.
const workVariable = "BENCH_WORK"

// gatewayMoment is how long each measurement of a gateway goes on.
const gatewayMoment = 1500 * time.Millisecond

// webServer is one of the servers under comparison.
type webServer struct {
	name    string
	address string            // host:port
	paths   map[string]string // of the files, by their names
	pids    func() []int      // of its processes
}

// gatewayCell is one kind of work.
type gatewayCell struct {
	what        string
	file        string
	rangeOf     int
	connections int
	unit        string // of the table: MiB/s for whole large files, else requests per second
}

func gatewayCells() (cells []gatewayCell) {
	for _, connections := range []int{1, 16} {
		cells = append(cells,
			gatewayCell{"4 KiB", "4KiB", 0, connections, "req/s"},
			gatewayCell{"1 MiB", "1MiB", 0, connections, "MiB/s"},
			gatewayCell{"100 MiB", "100MiB", 0, connections, "MiB/s"},
			gatewayCell{"64 KiB ranges in 100 MiB", "100MiB", 64 << 10, connections, "req/s"})
	}
	return slices.DeleteFunc(cells, func(c gatewayCell) bool { return !strings.HasPrefix(c.what, os.Getenv(workVariable)) })
}

// BenchmarkGateway compares the gateway with a bare net/http server that has the same bytes in memory, with nginx that has
// them in files, and with a plain kubo, all hot.
func BenchmarkGateway(b *testing.B) {
	rounds := intSetting(b, roundsVariable, 5)
	for range b.N {
		files := map[string][]byte{"4KiB": random(4 << 10), "1MiB": random(1 << 20), "100MiB": random(100 << 20)}
		servers := startWebServers(b, files)
		t := newGatewayTable(servers)
		for round := range rounds {
			for _, c := range gatewayCells() {
				order := slices.Clone(servers)
				if round%2 == 1 {
					slices.Reverse(order)
				}
				for _, s := range order {
					t.add(c, s, measureGateway(b, s, c, files))
				}
			}
		}
		fmt.Printf("\n### Gateways, %d rounds\n\n%s\n", rounds, t.markdown())
	}
	b.ReportMetric(0, "ns/op") // says nothing here
}

// gatewayFigures are those of one measurement.
type gatewayFigures struct {
	requests  float64       // per second
	mebibytes float64       // per second
	cpu       time.Duration // of the server, for each request
}

func measureGateway(b *testing.B, s webServer, c gatewayCell, files map[string][]byte) gatewayFigures {
	b.Helper()
	f := fetching{address: s.address, path: s.paths[c.file], content: files[c.file], rangeOf: c.rangeOf}
	pids := s.pids()
	fetch(b, c.connections, f, gatewayMoment/10) // it is hot, and its buffers are as large as they get
	before := cpuTime(b, pids)
	r := fetch(b, c.connections, f, gatewayMoment)
	return gatewayFigures{
		requests:  r.perSecond(),
		mebibytes: r.perSecond() * float64(len(f.content)) / (1 << 20),
		cpu:       (cpuTime(b, pids) - before) / time.Duration(r.requests),
	}
}

// startWebServers starts all servers, which have the same files.
func startWebServers(b *testing.B, files map[string][]byte) []webServer {
	b.Helper()
	dir := b.TempDir()
	plain := make(map[string]string)
	for name, content := range files {
		plain[name] = "/" + name
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			b.Fatal(err)
		}
	}
	plainKubo := startPlainKubo(b)
	cluster := itest.Start(b, "--peers", "1")
	peer := cluster.Peers[0]
	ours := &side{name: "underlay", client: newClient(), hosts: []*host{{rpc: peer.API}}}
	return []webServer{
		startBareServer(b, dir, plain),
		startFileServer(b, dir, plain),
		{"kubo", hostPort(b, plainKubo.gateway), plainKubo.addAll(b, files), func() []int { return plainKubo.hosts[0].pids }},
		{"underlay", hostPort(b, peer.Gateway), ours.addAll(b, files), func() []int { return []int{peer.PID} }},
	}
}

// addAll adds the files and returns their paths on a gateway.
func (s *side) addAll(b *testing.B, files map[string][]byte) map[string]string {
	b.Helper()
	paths := make(map[string]string)
	for name, content := range files {
		cid, err := s.add(s.hosts[0].rpc, bytes.NewReader(content), "cid-version=1")
		if err != nil {
			b.Fatalf("%s: add %s: %v", s.name, name, err)
		}
		paths[name] = "/ipfs/" + cid
	}
	return paths
}

func startBareServer(b *testing.B, dir string, paths map[string]string) webServer {
	b.Helper()
	address := "127.0.0.1:" + strconv.Itoa(stock.FreePorts(b, 1)[0])
	p := stock.Start(b, filepath.Join(b.TempDir(), "log"), nil, itest.Program(b, bareServerPackage), address, dir)
	b.Cleanup(p.Stop)
	awaitServer(b, address, p)
	return webServer{"bare", address, paths, func() []int { return []int{p.PID()} }}
}

// fileServerConfig is what Debian's nginx does with files by default, but for tcp_nopush: with it some answers wait for a
// delayed acknowledgement on loopback.
const fileServerConfig = `daemon off;
user root;
worker_processes auto;
error_log %[1]s/error.log;
pid %[1]s/nginx.pid;
events { worker_connections 768; }
http {
	sendfile on;
	access_log off;
	keepalive_requests 1000000;
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	server { listen %[2]s; root %[3]s; }
}
`

// startFileServer starts an nginx. Without one on the machine the benchmark is skipped.
func startFileServer(b *testing.B, files string, paths map[string]string) webServer {
	b.Helper()
	nginx, err := exec.LookPath("nginx")
	if err != nil {
		b.Skip("needs nginx (Debian: apt-get install nginx-light)")
	}
	dir, address := b.TempDir(), "127.0.0.1:"+strconv.Itoa(stock.FreePorts(b, 1)[0])
	conf := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(conf, fmt.Appendf(nil, fileServerConfig, dir, address, files), 0o600); err != nil {
		b.Fatal(err)
	}
	p := stock.Start(b, filepath.Join(dir, "log"), nil, nginx, "-e", filepath.Join(dir, "error.log"), "-p", dir, "-c", conf)
	b.Cleanup(p.Stop)
	awaitServer(b, address, p)
	return webServer{"nginx", address, paths, func() []int { return append(children(b, p.PID()), p.PID()) }}
}

func awaitServer(b *testing.B, address string, p *stock.Process) {
	b.Helper()
	itest.Eventually(b, time.Minute, func() error {
		if err := p.Check(); err != nil {
			b.Fatal(err)
		}
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return err
		}
		return conn.Close()
	})
}

// children are the processes that a process has started.
func children(b *testing.B, pid int) (pids []int) {
	b.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%[1]d/task/%[1]d/children", pid))
	if err != nil {
		b.Fatal(err)
	}
	for _, field := range strings.Fields(string(raw)) {
		child, err := strconv.Atoi(field)
		if err != nil {
			b.Fatal(err)
		}
		pids = append(pids, child)
	}
	return pids
}

func hostPort(b *testing.B, raw string) string {
	b.Helper()
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		b.Fatalf("%q is not a URL: %v", raw, err)
	}
	return u.Host
}
