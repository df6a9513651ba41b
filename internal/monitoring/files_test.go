package monitoring

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const (
	folder   = "../../deploy/monitoring"
	runbooks = "../../docs/operations.md"
)

// tool finds a program of Prometheus. Without it the test is skipped, but not in CI.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skipf("needs %s (Debian: apt-get install prometheus)", name)
	}
	return path
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// alert is a rule.
type alert struct {
	Alert       string
	Expr        string
	Labels      struct{ Severity string }
	Annotations struct {
		Summary string
		Runbook string `yaml:"runbook_url"`
	}
}

func alerts(t *testing.T) (all []alert) {
	t.Helper()
	var file struct {
		Groups []struct{ Rules []alert }
	}
	if err := yaml.Unmarshal([]byte(readFile(t, filepath.Join(folder, "underlay.rules.yml"))), &file); err != nil {
		t.Fatal(err)
	}
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	if len(all) == 0 {
		t.Fatal("there are no alerts")
	}
	return all
}

// panels returns the expressions of the dashboard by the title of their panel.
func panels(t *testing.T) map[string][]string {
	t.Helper()
	var board struct {
		Panels []struct {
			Title, Type string
			Targets     []struct{ Expr string }
		}
	}
	if err := json.Unmarshal([]byte(readFile(t, filepath.Join(folder, "dashboard.json"))), &board); err != nil {
		t.Fatal(err)
	}
	found := make(map[string][]string)
	for _, p := range board.Panels {
		for _, target := range p.Targets {
			found[p.Title] = append(found[p.Title], strings.NewReplacer("$cluster", ".*", "$__rate_interval", "30s").Replace(target.Expr))
		}
		if p.Type != "row" && len(found[p.Title]) == 0 {
			t.Errorf("panel %q shows nothing", p.Title)
		}
	}
	return found
}

// The rules are valid, fire when they should and only then, and the configuration can be loaded.
func TestPrometheusFiles(t *testing.T) {
	promtool := tool(t, "promtool")
	for _, args := range [][]string{
		{"check", "rules", "underlay.rules.yml"}, {"test", "rules", "underlay.rules.test.yml"}, {"check", "config", "--syntax-only", "prometheus.yml"},
	} {
		cmd := exec.Command(promtool, args...)
		cmd.Dir = folder
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool %v: %v\n%s", args, err, out)
		}
	}
}

// Every alert is tested, says how bad it is, and leads to a heading of the run book that there is.
func TestEveryAlertHasARunbook(t *testing.T) {
	headings := make(map[string]bool)
	for _, m := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(readFile(t, runbooks), -1) {
		headings[strings.ReplaceAll(regexp.MustCompile(`[^a-z0-9 -]`).ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-")] = true
	}
	tests := readFile(t, filepath.Join(folder, "underlay.rules.test.yml"))
	for _, a := range alerts(t) {
		page, anchor, _ := strings.Cut(a.Annotations.Runbook, "#")
		if !strings.HasSuffix(page, "/docs/operations.md") || !headings[anchor] {
			t.Errorf("%s: the run book %q is not there", a.Alert, a.Annotations.Runbook)
		}
		if a.Annotations.Summary == "" || (a.Labels.Severity != "critical" && a.Labels.Severity != "warning") {
			t.Errorf("%s: severity %q, summary %q", a.Alert, a.Labels.Severity, a.Annotations.Summary)
		}
		if !strings.Contains(tests, "- alertname: "+a.Alert+"\n") {
			t.Errorf("%s is not tested", a.Alert)
		}
	}
}
