package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// testSecret is a valid secret that no message may contain.
const testSecret = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

// env returns a Getenv over fixed variables; HOME is always set.
func env(vars map[string]string) func(string) (string, bool) {
	return func(key string) (string, bool) {
		if v, ok := vars[key]; ok {
			return v, true
		}
		if key == "HOME" {
			return "/home/u", true
		}
		return "", false
	}
}

// writeFile puts a settings file into a directory of the test's own.
func writeFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "underlay.yaml")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// flags parses a command line with the real flag set.
func flags(t *testing.T, args ...string) *pflag.FlagSet {
	t.Helper()
	fs := pflag.NewFlagSet("test", pflag.ContinueOnError)
	BindFlags(fs)
	if err := fs.Parse(args); err != nil {
		t.Fatal(err)
	}
	return fs
}

// loadFile loads a settings file alone.
func loadFile(t *testing.T, content string) (Config, error) {
	t.Helper()
	return Load(LoadOptions{File: writeFile(t, content), Getenv: env(nil)})
}

// wantLines fails unless the error has exactly these lines, in order.
func wantLines(t *testing.T, err error, want ...string) {
	t.Helper()
	got := ""
	if err != nil {
		got = err.Error()
	}
	if got != strings.Join(want, "\n") {
		t.Errorf("error is\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
}
