package itest

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/underlay/underlay/internal/testkit"
)

// complianceChecks is how many checks the compliance checker makes.
const complianceChecks = 9

// The checker of compliance with the Pinning Service API finds nothing wrong, with tokens of the cluster, on one peer and
// through a balancer in front of three.
func TestPinningServiceCompliance(t *testing.T) {
	spec := complianceSpec(t)
	one, three := Start(t, "--peers", "1"), Start(t)
	balancer := three.Balance()
	packages := testkit.NPMInstall(t, filepath.Join("testdata", "compliance"), "package.json")
	checker := filepath.Join(packages, "node_modules", "@ipfs-shipyard", "pinning-service-compliance", "dist")
	useSpec(t, filepath.Join(checker, "src", "utils", "constants.js"), spec)
	t.Run("cluster", func(t *testing.T) { // returns when both have ended
		for _, check := range []struct {
			host, service string
			cluster       *Cluster
		}{{"127.0.0.1", one.Peers[0].PSA, one}, {"localhost", balancer.PSA, three}} {
			token := complianceToken(t, check.cluster)
			t.Run(check.host, func(t *testing.T) {
				t.Parallel() // the checker takes a second for each request
				checkCompliance(t, checker, check.host, check.service, token)
			})
		}
	})
}

// checkCompliance runs the checker; it names its report after the host.
func checkCompliance(t *testing.T, checker, host, service, token string) {
	t.Helper()
	service = strings.Replace(service, "127.0.0.1", host, 1)
	cmd := exec.Command("node", filepath.Join(checker, "src", "index.js"), "-s", service, token)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	raw, err := os.ReadFile(filepath.Join(checker, "docs", host+".json"))
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var report struct{ Total, Passed, Failed int }
	if err := json.Unmarshal(raw, &report); err != nil {
		t.Fatal(err)
	}
	if report.Total != complianceChecks || report.Passed != complianceChecks || strings.Contains(string(out), "❌") {
		t.Errorf("%+v, want %d checks passed\n%s", report, complianceChecks, out)
	}
}

// complianceToken closes a cluster and makes a token with which the checker may use the pinning service, and nothing else.
func complianceToken(t *testing.T, c *Cluster) string {
	t.Helper()
	_, admin, err := c.Peers[0].MakeToken("administrator", `"admin"`)
	if err != nil {
		t.Fatal(err)
	}
	c.As(admin)
	_, token, err := c.Peers[0].MakeToken("compliance", `"pin"`)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// complianceSpec returns the path of the API's description, which the checker would otherwise fetch from the internet.
func complianceSpec(t *testing.T) string {
	t.Helper()
	path := os.Getenv("UNDERLAY_PSA_SPEC")
	if path == "" {
		path = filepath.Join(root(), "..", "shared", "data", "ipfs-pinning-service-v1.0.0.yaml")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Skipf("needs the description of the Pinning Service API, v1.0.0; UNDERLAY_PSA_SPEC says where it is: %v", err)
	}
	return path
}

// useSpec makes the checker read the description from a file.
func useSpec(t *testing.T, constants, spec string) {
	t.Helper()
	raw, err := os.ReadFile(constants)
	if err != nil {
		t.Fatal(err)
	}
	quoted, err := json.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile("(?m)^const specLocation = .*$")
	if !line.Match(raw) {
		t.Fatalf("%s names no place of the description", constants)
	}
	raw = line.ReplaceAllLiteral(raw, append(append([]byte("const specLocation = "), quoted...), ';'))
	if err := os.WriteFile(constants, raw, 0o600); err != nil {
		t.Fatal(err)
	}
}
