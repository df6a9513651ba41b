package deploy

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/underlay/underlay/config"
)

// tool returns the path of a program, or skips the test and says how to get it.
func tool(t *testing.T, name, from string) string {
	t.Helper()
	for _, candidate := range []string{name, "/usr/sbin/" + name} {
		if path, err := exec.LookPath(candidate); err == nil {
			return path
		}
	}
	t.Skipf("%s is not installed: %s", name, from)
	return ""
}

// run runs a program in the root of the repository and fails the test if it finds fault.
func run(t *testing.T, program string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%s %s: %v\n%s", filepath.Base(program), strings.Join(args, " "), err, out)
	}
	return string(out)
}

// cfn-lint finds neither errors nor warnings nor anything to inform of: it ends with an error code for each.
func TestTemplatesLint(t *testing.T) {
	lint := tool(t, "cfn-lint", "pip install cfn-lint")
	run(t, lint, "--include-checks", "W", "--", "deploy/aws/network.yaml", "deploy/aws/cluster.yaml")
}

// Every shell script of the repository passes shellcheck, and so do those in the user data.
func TestScripts(t *testing.T) {
	shellcheck := tool(t, "shellcheck", "apt-get install shellcheck")
	var scripts []string
	for _, folder := range []string{"deploy", "internal/tools", ".ci"} {
		err := filepath.WalkDir(filepath.Join(root, folder), func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			content, err := os.ReadFile(path)
			if regexp.MustCompile(`^#!.*\b(ba)?sh\n`).Match(content) {
				scripts = append(scripts, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(scripts) < 8 {
		t.Errorf("only %d scripts were found: %v", len(scripts), scripts)
	}
	_, install := cloudConfig(t, readTemplate(t, "cluster.yaml").userData())
	embedded := filepath.Join(t.TempDir(), "underlay-install")
	if err := os.WriteFile(embedded, []byte(install), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, script := range append(scripts, embedded) {
		path, err := filepath.Abs(script)
		if err != nil {
			t.Fatal(err)
		}
		run(t, shellcheck, "--severity=style", "--exclude=SC1091", path)
	}
}

// The services need little: systemd counts what they could do to the machine, from 0 to 10.
func TestUnitsAreHardened(t *testing.T) {
	analyze := tool(t, "systemd-analyze", "apt-get install systemd")
	for _, unit := range []string{"underlay", "underlay-backup"} {
		out := run(t, analyze, "security", "--no-pager", "--offline=yes", "deploy/systemd/"+unit+".service")
		found := regexp.MustCompile(`exposure level for \S+: (\d+\.\d+)`).FindStringSubmatch(out)
		if found == nil {
			t.Fatalf("no exposure in %s", out)
		}
		if exposure, err := strconv.ParseFloat(found[1], 64); err != nil || exposure > 3 {
			t.Errorf("%s: exposure %s, %v", unit, found[1], err)
		} else {
			t.Logf("%s: exposure %s", unit, found[1])
		}
	}
}

// stopLimit is how many seconds the service may take to stop.
func stopLimit(t *testing.T) float64 {
	t.Helper()
	unit, err := os.ReadFile(filepath.Join(root, "deploy/systemd/underlay.service"))
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^TimeoutStopSec=(\d+)s$`).FindSubmatch(unit)
	if found == nil {
		t.Fatal("the unit does not say how long a stop may take")
	}
	limit, err := strconv.ParseFloat(string(found[1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	return limit
}

// The service may take longer to stop than the settings that come with it allow the peer.
func TestUnitWaitsForDrain(t *testing.T) {
	limit := stopLimit(t)
	conf, err := config.Load(config.LoadOptions{File: filepath.Join(root, "deploy/package/underlay.yaml")})
	if err != nil {
		t.Fatal(err)
	}
	if needs := conf.DrainDelay + conf.ShutdownTimeout; needs.Seconds() >= limit || conf.DrainDelay == 0 {
		t.Errorf("a stop takes %s, and the service manager kills after %v s", needs, limit)
	}
}

// A peer that panics, or that its watchdog ends, is started again. Go ends such a process with status 2, as wrong usage does.
func TestUnitRestartsAfterPanic(t *testing.T) {
	unit, err := os.ReadFile(filepath.Join(root, "deploy/systemd/underlay.service"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(unit, []byte("\nRestart=on-failure\n")) || bytes.Contains(unit, []byte("\nRestartPreventExitStatus=")) {
		t.Error("the unit does not start a peer again that has ended with status 2")
	}
}

// `systemctl reload` has a peer read its settings again.
func TestUnitReloads(t *testing.T) {
	unit, err := os.ReadFile(filepath.Join(root, "deploy/systemd/underlay.service"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(unit, []byte("\nExecReload=/bin/kill -HUP $MAINPID\n")) {
		t.Error("the unit cannot be reloaded")
	}
}

// The balancer for developers has the ports of those on AWS, and HAProxy takes its configuration.
func TestLocalBalancer(t *testing.T) {
	file := "deploy/local/haproxy.cfg"
	content, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"bind 127.0.0.1:8080", "bind 127.0.0.1:5001", "bind 127.0.0.1:9095", "httpchk GET /readyz", "httpchk GET /health",
		"expect status 204", "check inter 10s fall 2 rise 2", "timeout server 60s", "balance roundrobin", "retries 0",
	} {
		if !bytes.Contains(content, []byte(line+"\n")) && !bytes.Contains(content, []byte(" "+line+"\n")) {
			t.Errorf("%s lacks %q", file, line)
		}
	}
	t.Setenv("DEV_LB_DIR", t.TempDir())
	run(t, tool(t, "haproxy", "apt-get install haproxy"), "-c", "-q", "-f", file)
}

// What the containers set are settings, and all three are in each other's list.
func TestCompose(t *testing.T) {
	content, err := os.ReadFile(filepath.Join(root, "deploy/container/compose.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var compose struct {
		Services map[string]struct {
			Environment map[string]string `yaml:"environment"`
			Volumes     []string          `yaml:"volumes"`
		} `yaml:"services"`
	}
	if err := yaml.Unmarshal(content, &compose); err != nil {
		t.Fatal(err)
	}
	if len(compose.Services) != 3 {
		t.Errorf("there are %d services", len(compose.Services))
	}
	known := make(map[string]bool)
	for _, s := range config.Settings() {
		known[s.Env] = true
	}
	for name, service := range compose.Services {
		if service.Environment["UNDERLAY_NAME"] != name || len(service.Volumes) != 1 {
			t.Errorf("%s is %+v", name, service)
		}
		if !strings.Contains(service.Environment["UNDERLAY_CLUSTER_PEERS"], name+":9096") {
			t.Errorf("%s is not among the peers", name)
		}
		for variable := range service.Environment {
			if !known[variable] {
				t.Errorf("%s sets %s, which is no setting", name, variable)
			}
		}
	}
}
