package boottest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/underlay/underlay/internal/itest"
)

// The endpoints that clients use.
const (
	gatewayURL = "http://" + balancerAddr
	rpcURL     = "http://" + balancerAddr + ":5001"
	restURL    = "http://" + balancerAddr + ":9095"
)

// balancer does what the two load balancers on AWS do.
type balancer struct {
	t      *testing.T
	socket string
}

// startBalancer runs HAProxy with the configuration of deploy/local, which is like the balancers on AWS, until the test ends. Only its
// addresses are others, and its checks five times as frequent.
func startBalancer(t *testing.T) *balancer {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(root, "deploy/local/haproxy.cfg"))
	if err != nil {
		t.Fatal(err)
	}
	conf := string(raw)
	for old, replaced := range map[string]string{
		"check inter 10s fall 2 rise 2": "check inter 2s fall 2 rise 2 init-addr last,none",
		"bind 127.0.0.1:8080":           "bind " + balancerAddr + ":80",
		"bind 127.0.0.1:5001":           "bind " + balancerAddr + ":5001",
		"bind 127.0.0.1:9095":           "bind " + balancerAddr + ":9095",
	} {
		if strings.Count(conf, old) != 1 {
			t.Fatalf("haproxy.cfg lacks %q", old)
		}
		conf = strings.Replace(conf, old, replaced, 1)
	}
	for n, slot := range slots() {
		for _, port := range []string{"80", "95"} {
			conf = strings.Replace(conf, fmt.Sprintf("server peer%d 127.0.0.1:7%d%s", n+1, n, port), "server "+slot+" 127.0.0.1:1 disabled", 1)
		}
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "haproxy.cfg")
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("haproxy", "-db", "-f", file)
	cmd.Env = append(os.Environ(), "DEV_LB_DIR="+dir)
	out, err := os.Create(filepath.Join(dir, "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // fails when it has ended
		_ = cmd.Wait()                          // by that signal
		if t.Failed() {
			said, _ := os.ReadFile(filepath.Join(dir, "out"))
			t.Logf("haproxy:\n%s", said)
		}
	})
	b := &balancer{t, filepath.Join(dir, "haproxy.sock")}
	itest.Eventually(t, 10*time.Second, func() error {
		_, err := b.tell("show info")
		return err
	})
	return b
}

// register makes an instance the one that gets the requests of its slot, once it has passed its checks.
func (b *balancer) register(i *instance) {
	b.t.Helper()
	for _, c := range []struct{ backend, port string }{{"gateways", "8080"}, {"apis", "9095"}} {
		server := c.backend + "/" + i.slot
		for _, line := range []string{
			"disable server " + server,
			"set server " + server + " addr " + i.addr + " port " + c.port,
			"enable server " + server,
			"set server " + server + " health down",
		} {
			if answer, err := b.tell(line); err != nil || strings.Contains(answer, "No such server") {
				b.t.Fatalf("tell the balancer %q: %v: %s", line, err, answer)
			}
		}
	}
}

// up returns nil if the balancer sends requests to the instance of a slot, for both backends.
func (b *balancer) up(slot string) error {
	stats, err := b.tell("show stat")
	if err != nil {
		return err
	}
	for _, backend := range []string{"gateways", "apis"} {
		for line := range strings.Lines(stats) {
			if f := strings.Split(line, ","); len(f) > 17 && f[0] == backend && f[1] == slot && f[17] != "UP" {
				return fmt.Errorf("the balancer has %s of slot %s %s", backend, slot, f[17])
			}
		}
	}
	return nil
}

// tell gives HAProxy a command and returns its answer.
func (b *balancer) tell(line string) (string, error) {
	conn, err := net.Dial("unix", b.socket)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if _, err := fmt.Fprintln(conn, line); err != nil {
		return "", err
	}
	answer, err := io.ReadAll(bufio.NewReader(conn))
	return string(answer), err
}
