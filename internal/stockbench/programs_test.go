package stockbench

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
)

// The stock programs, by the packages of the modules that we use.
const (
	kuboPackage    = "github.com/ipfs/kubo/cmd/ipfs"
	servicePackage = "github.com/ipfs-cluster/ipfs-cluster/cmd/ipfs-cluster-service"
)

// build returns the program built from a package, in the tree's bin folder.
func build(b *testing.B, pkg string) string {
	b.Helper()
	_, file, _, _ := runtime.Caller(0)
	root := filepath.Join(filepath.Dir(file), "..", "..")
	out := filepath.Join(root, "bin", filepath.Base(pkg))
	cmd := exec.Command("go", "build", "-ldflags", "-s -w", "-o", out, pkg)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0") // as the Makefile does
	if msg, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("build %s: %v\n%s", pkg, err, msg)
	}
	return out
}

// run executes a program that must succeed.
func run(b *testing.B, env []string, program string, args ...string) {
	b.Helper()
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%s %v: %v\n%s", filepath.Base(program), args, err, out)
	}
}

// freePorts returns ports of loopback that nobody has, below those that the system gives to outgoing connections.
func freePorts(b *testing.B, n int) []int {
	b.Helper()
	var ports []int
	for port := 10000 + os.Getpid()%90*100; port < 20000 && len(ports) < n; port++ {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			continue
		}
		l.Close()
		ports = append(ports, port)
	}
	if len(ports) < n {
		b.Fatal("no free ports")
	}
	return ports
}
