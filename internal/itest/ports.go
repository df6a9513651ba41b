package itest

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// The ports of test clusters, below the range of outgoing connections; a cluster takes portsOfCluster of them, for five peers.
const (
	firstPort      = 20000
	lastPort       = 32000
	portsOfCluster = 500
)

// FreePorts returns a base port for `underlay dev` at which the ports of five peers are free. They are this test's until it
// ends: no test that runs at the same time is given them, be it of this process or of another.
func FreePorts(t testing.TB) int {
	t.Helper()
	const blocks = (lastPort - firstPort) / portsOfCluster
	for i := range blocks {
		base := firstPort + (os.Getpid()+i)%blocks*portsOfCluster
		if reserve(t, base) && free(base) {
			return base
		}
	}
	t.Fatal("no free ports")
	return 0
}

// reserve returns whether the ports from base on are this test's alone. The lock ends with the process at the latest.
func reserve(t testing.TB, base int) bool {
	t.Helper()
	lock, err := os.OpenFile(filepath.Join(os.TempDir(), fmt.Sprintf("underlay-itest-ports-%d", base)), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		lock.Close()
		return false
	}
	t.Cleanup(func() { lock.Close() })
	return true
}

func free(base int) bool {
	for port := base; port < base+500; port += 100 {
		for _, offset := range []int{1, 80, 94, 95, 96, 97} {
			l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port+offset)))
			if err != nil {
				return false
			}
			l.Close()
		}
	}
	return true
}
