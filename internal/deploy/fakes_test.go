package deploy

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// fakes are programs that stand in for those which a script calls. They write down what they were asked for.
type fakes struct {
	t   *testing.T
	dir string
	env []string
}

func newFakes(t *testing.T, dir string) *fakes {
	t.Helper()
	f := &fakes{t: t, dir: filepath.Join(dir, "bin")}
	if err := os.MkdirAll(f.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	f.env = append(os.Environ(), "PATH="+f.dir+":"+os.Getenv("PATH"), "LOG="+filepath.Join(dir, "log"))
	return f
}

// add makes a program of a script.
func (f *fakes) add(name, script string) {
	f.t.Helper()
	if err := os.WriteFile(filepath.Join(f.dir, name), []byte("#!/bin/bash\n"+script+"\n"), 0o755); err != nil {
		f.t.Fatal(err)
	}
}

// run runs a script of bash and returns what it printed.
func (f *fakes) run(script string) (string, error) {
	cmd := exec.CommandContext(f.t.Context(), "bash", "-c", script)
	cmd.Env = f.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// log returns what the programs wrote down since the last call.
func (f *fakes) log() string {
	f.t.Helper()
	file := filepath.Join(filepath.Dir(f.dir), "log")
	content, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	if err := errors.Join(err, os.Remove(file)); err != nil {
		f.t.Fatal(err)
	}
	return string(content)
}

func sha256Of(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
