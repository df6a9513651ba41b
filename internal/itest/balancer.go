package itest

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"text/template"
	"time"
)

// Balancer is an nginx that hands requests to the peers of a cluster in turn, each to the next, as a load balancer in
// front of them does.
type Balancer struct {
	API     string // http://host:port of the RPC and REST APIs
	Gateway string // http://host:port of the gateways
	PSA     string // http://host:port of the pinning service APIs
	*http.Client
}

// balancerConfig streams in both directions, as the balancers of a cloud do: it holds neither request nor answer back.
// Nothing is sent a second time. This nginx drops trailers, in which kubo reports an error that comes after the first byte.
var balancerConfig = template.Must(template.New("nginx.conf").Parse(`daemon off;
worker_processes 1;
error_log {{.Dir}}/error.log;
pid {{.Dir}}/nginx.pid;
events { worker_connections 4096; }
http {
	access_log off;
	client_max_body_size 0;
	large_client_header_buffers 8 512k;
	client_body_temp_path {{.Dir}}/body;
	proxy_temp_path {{.Dir}}/proxy;
	fastcgi_temp_path {{.Dir}}/fastcgi;
	uwsgi_temp_path {{.Dir}}/uwsgi;
	scgi_temp_path {{.Dir}}/scgi;
	proxy_http_version 1.1;
	proxy_set_header Host $http_host;
	proxy_set_header Connection "";
	proxy_request_buffering off;
	proxy_buffering off;
	proxy_next_upstream off;
	proxy_read_timeout 300s;
	{{- range $name, $service := .Services}}
	upstream {{$name}} {
		{{- range $service.Peers}}
		server {{.}} max_fails=0;
		{{- end}}
		keepalive 64;
	}
	server {
		listen {{$service.Listen}};
		location / { proxy_pass http://{{$name}}; }
	}
	{{- end}}
}
`))

type balancerService struct {
	Listen string
	Peers  []string // host:port
}

// Balance starts a balancer in front of all peers of the cluster, until the test ends. Without nginx on the machine the
// test is skipped, but not in CI.
func (c *Cluster) Balance() *Balancer {
	c.t.Helper()
	var apis, gateways, psas []string
	for _, p := range c.Peers {
		apis, gateways, psas = append(apis, p.API), append(gateways, p.Gateway), append(psas, p.PSA)
	}
	b := &Balancer{
		API: StartBalancer(c.t, apis), Gateway: StartBalancer(c.t, gateways), PSA: StartBalancer(c.t, psas), Client: newClient(),
	}
	Eventually(c.t, 10*time.Second, func() error {
		resp, err := b.Get(b.API + "/health")
		if err != nil {
			return err
		}
		return resp.Body.Close()
	})
	return b
}

// StartBalancer starts an nginx that hands requests to the servers at the URLs in turn, until the test ends, and returns
// its URL. Without nginx on the machine the test is skipped, but not in CI.
func StartBalancer(t testing.TB, urls []string) string {
	t.Helper()
	nginx := nginxOrSkip(t)
	dir := t.TempDir()
	service := balancerService{Listen: freeAddress(t)}
	for _, url := range urls {
		service.Peers = append(service.Peers, strings.TrimPrefix(url, "http://"))
	}
	path := filepath.Join(dir, "nginx.conf")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	err = balancerConfig.Execute(file, map[string]any{"Dir": dir, "Services": map[string]balancerService{"peers": service}})
	if err != nil {
		t.Fatal(err)
	}
	startNginx(t, nginx, dir, path)
	awaitListener(t, service.Listen)
	return "http://" + service.Listen
}

// nginxOrSkip returns nginx's file.
func nginxOrSkip(t testing.TB) string {
	t.Helper()
	nginx, err := exec.LookPath("nginx")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip("needs nginx (Debian: apt-get install nginx-light)")
	}
	return nginx
}

func awaitListener(t testing.TB, address string) {
	t.Helper()
	Eventually(t, 10*time.Second, func() error {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return err
		}
		return conn.Close()
	})
}

// startNginx starts nginx until the test ends, and returns the number of its process.
func startNginx(t testing.TB, nginx, dir, conf string) int {
	t.Helper()
	log, err := os.Create(filepath.Join(dir, "output.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(nginx, "-e", filepath.Join(dir, "error.log"), "-p", dir, "-c", conf)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // fails when it is gone
		_ = cmd.Wait()                          // by that signal
		if t.Failed() {
			for _, name := range []string{"output.log", "error.log"} {
				raw, _ := os.ReadFile(filepath.Join(dir, name))
				t.Logf("nginx %s:\n%s", name, raw)
			}
		}
	})
	return cmd.Process.Pid
}

// freeAddress returns an address of loopback on which nobody listens.
func freeAddress(t testing.TB) string {
	t.Helper()
	for port := 19000 + os.Getpid()%100*10; port < 20000; port++ {
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		if l, err := net.Listen("tcp", addr); err == nil {
			l.Close()
			return addr
		}
	}
	t.Fatal(fmt.Errorf("no free port"))
	return ""
}
