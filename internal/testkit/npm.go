package testkit

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// NPMInstall copies files into a temporary directory, installs what their package.json needs and returns the directory.
// Without npm on the machine the test is skipped, but not in CI.
func NPMInstall(t testing.TB, from string, files ...string) string {
	t.Helper()
	npm, err := exec.LookPath("npm")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip("needs npm and Node.js")
	}
	dir := t.TempDir()
	for _, name := range files {
		raw, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(npm, "install", "--no-audit", "--no-fund", "--ignore-scripts")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("npm install: %v\n%s", err, out)
	}
	return dir
}
