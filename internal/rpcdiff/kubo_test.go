package rpcdiff

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/underlay/underlay/internal/itest"
)

// networkSections are the parts of kubo's configuration by which a node finds others. The plain node gets them as our
// nodes have them; everything else in its configuration is kubo's own.
var networkSections = []string{"AutoConf", "AutoNAT", "AutoTLS", "Bootstrap", "DNS", "Discovery", "HTTPRetrieval", "Ipns", "Provide", "Routing", "Swarm"}

const emptyDirectory = "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn"

// kuboTarget starts a plain kubo daemon on loopback until the test ends. like is the configuration of one of our nodes,
// settings are those that the test gives to both.
func kuboTarget(t *testing.T, like, settings map[string]any) *target {
	t.Helper()
	repo := filepath.Join(t.TempDir(), "ipfs")
	run := func(args ...string) *exec.Cmd {
		cmd := exec.Command(itest.Kubo(t), args...)
		cmd.Env = append(os.Environ(), "IPFS_PATH="+repo, "IPFS_TELEMETRY=off")
		return cmd
	}
	if out, err := run("init", "--profile", "autoconf-off,test").CombinedOutput(); err != nil {
		t.Fatalf("ipfs init: %v\n%s", err, out)
	}
	// The one pin that init makes is taken back, so that both sides begin without pins.
	if out, err := run("pin", "rm", emptyDirectory).CombinedOutput(); err != nil {
		t.Fatalf("ipfs pin rm: %v\n%s", err, out)
	}
	configureKubo(t, filepath.Join(repo, "config"), like, settings)
	startKubo(t, run("daemon"), filepath.Join(repo, "daemon.log"))
	base := "http://" + awaitAPI(t, repo)
	tg := &target{name: "kubo", front: newTurns(base)}
	tg.addNode(t, base, repo)
	return tg
}

func configureKubo(t *testing.T, file string, like, settings map[string]any) {
	t.Helper()
	conf := readConfig(t, file)
	for _, section := range networkSections {
		conf[section] = like[section]
	}
	for section, values := range settings {
		for name, value := range values.(map[string]any) {
			conf[section].(map[string]any)[name] = value
		}
	}
	raw, err := json.Marshal(conf)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		t.Fatal(err)
	}
}

// readConfig reads a configuration file of kubo's.
func readConfig(t *testing.T, file string) map[string]any {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var conf map[string]any
	if err := json.Unmarshal(raw, &conf); err != nil {
		t.Fatalf("decode %s: %v", file, err)
	}
	return conf
}

func startKubo(t *testing.T, cmd *exec.Cmd, log string) {
	t.Helper()
	out, err := os.Create(log)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // fails when it is gone
		_ = cmd.Wait()
		if t.Failed() {
			raw, _ := os.ReadFile(log)
			t.Logf("log of kubo:\n%s", raw[max(0, len(raw)-4000):])
		}
	})
}

// awaitAPI waits for the file in which the daemon tells where its API is, and returns host:port.
func awaitAPI(t *testing.T, repo string) string {
	t.Helper()
	var addr string
	itest.Eventually(t, 30*time.Second, func() error {
		raw, err := os.ReadFile(filepath.Join(repo, "api"))
		if err != nil {
			return err
		}
		parts := strings.Split(strings.TrimSpace(string(raw)), "/")
		if len(parts) != 5 {
			return fmt.Errorf("address %q", raw)
		}
		addr = parts[2] + ":" + parts[4]
		return nil
	})
	return addr
}
