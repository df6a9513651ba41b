package testkit

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"testing"
	"time"
)

// EmulateAWS starts an emulator of AWS on loopback, which ends with the test, and returns its URL. The test is skipped where there
// is none.
func EmulateAWS(t testing.TB) (url string) {
	t.Helper()
	if _, err := exec.LookPath("moto_server"); err != nil {
		t.Skip("moto_server, the emulator of AWS, is not installed: pip install 'moto[server]'")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().(*net.TCPAddr)
	l.Close()
	server := exec.Command("moto_server", "-H", "127.0.0.1", "-p", fmt.Sprint(addr.Port))
	server.Env = append(os.Environ(), "no_proxy=*")
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill() // it has ended if this fails
		_ = server.Wait()
	})
	url = "http://" + addr.String()
	Eventually(t, time.Minute, "the emulator answers", func() bool {
		res, err := http.Get(url + "/moto-api/data.json")
		if err != nil {
			return false
		}
		res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
	return url
}
