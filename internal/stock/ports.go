package stock

import (
	"net"
	"os"
	"strconv"
	"testing"
)

// FreePorts returns ports of loopback that nobody has, below those that the system gives to outgoing connections.
func FreePorts(t testing.TB, n int) []int {
	t.Helper()
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
		t.Fatal("no free ports")
	}
	return ports
}
