package itest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
)

// The programs that tests run, by the package that each is built from.
const (
	underlayPkg = "github.com/underlay/underlay/cmd/underlay"
	ipfsPkg     = "github.com/ipfs/kubo/cmd/ipfs"
	ctlPkg      = "github.com/ipfs-cluster/ipfs-cluster/cmd/ipfs-cluster-ctl"
	servicePkg  = "github.com/ipfs-cluster/ipfs-cluster/cmd/ipfs-cluster-service"
)

// root is the top of the source tree.
func root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..")
}

// binary returns the program built from pkg, in the tree's bin folder; building again costs little when nothing changed.
func binary(t testing.TB, pkg string) string {
	t.Helper()
	path, err := build(pkg)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Underlay returns the path of the binary under test.
func Underlay(t testing.TB) string { t.Helper(); return binary(t, underlayPkg) }

// Kubo returns the path of kubo's stock program, a command line client and a daemon, of the version that we embed.
func Kubo(t testing.TB) string { t.Helper(); return binary(t, ipfsPkg) }

// ClusterCtl returns the path of IPFS Cluster's stock command line client.
func ClusterCtl(t testing.TB) string { t.Helper(); return binary(t, ctlPkg) }

// ClusterService returns the path of the stock cluster peer, of the version that we embed.
func ClusterService(t testing.TB) string { t.Helper(); return binary(t, servicePkg) }

// Program returns the path of a program of this module, by the path of its package.
func Program(t testing.TB, pkg string) string { t.Helper(); return binary(t, pkg) }

var building sync.Map // package path to func() (string, error): each is built once in a test process

func build(pkg string) (string, error) {
	once, _ := building.LoadOrStore(pkg, sync.OnceValues(func() (string, error) {
		out := filepath.Join(root(), "bin", filepath.Base(pkg))
		cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", out, pkg)
		cmd.Dir = root()
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0") // as the Makefile does
		if msg, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("build %s: %w\n%s", pkg, err, msg)
		}
		return out, nil
	}))
	return once.(func() (string, error))()
}

// run executes a stock client and returns what it prints; a failure ends the test.
func run(t testing.TB, pkg string, args ...string) string {
	t.Helper()
	cmd := exec.Command(binary(t, pkg), args...)
	cmd.Env = append(os.Environ(), "IPFS_PATH="+t.TempDir()) // never the user's own repository
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", filepath.Base(pkg), args, err, out)
	}
	return string(out)
}

// IPFS runs kubo's stock command line client.
func IPFS(t testing.TB, args ...string) string { t.Helper(); return run(t, ipfsPkg, args...) }

// Ctl runs IPFS Cluster's stock command line client.
func Ctl(t testing.TB, args ...string) string { t.Helper(); return run(t, ctlPkg, args...) }
