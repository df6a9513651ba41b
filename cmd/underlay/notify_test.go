package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// manager is the socket of a service manager that listens.
func manager(t *testing.T) *net.UnixConn {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	return conn
}

// hear waits for a message and passes over others.
func hear(t *testing.T, conn *net.UnixConn, want string) {
	t.Helper()
	var heard []string
	buf := make([]byte, 4096)
	if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	for {
		n, err := conn.Read(buf)
		if err != nil {
			t.Fatalf("no %q; heard %q: %v", want, heard, err)
		}
		if got := string(buf[:n]); strings.Contains(got, want) {
			return
		}
		heard = append(heard, string(buf[:n]))
	}
}

// A peer is ready when its gateway answers, says what it waits for, is silent to the watchdog while nothing answers, and says
// that it stops.
func TestServiceManagerIsTold(t *testing.T) {
	conn := manager(t)
	var stuck, member atomic.Bool
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if stuck.Load() {
			<-release
		}
	}))
	defer server.Close()
	defer close(release)
	ready := func() error {
		if member.Load() {
			return nil
		}
		return errors.New("waiting for 3 peers, have 2")
	}
	n := newNotifier(server.Listener.Addr(), ready, slog.New(slog.DiscardHandler))
	n.interval, n.client.Timeout = 10*time.Millisecond, 200*time.Millisecond
	ending, end := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- n.Serve(t.Context(), ending) }()

	hear(t, conn, "READY=1")
	hear(t, conn, "STATUS=the gateway serves; the private API does not: waiting for 3 peers, have 2")
	member.Store(true)
	hear(t, conn, "STATUS=serves")
	hear(t, conn, "WATCHDOG=1")
	stuck.Store(true)
	hear(t, conn, "STATUS=does not answer")
	// From here on no message says that there is progress.
	buf := make([]byte, 4096)
	if err := conn.SetReadDeadline(time.Now().Add(500 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	for {
		got, err := conn.Read(buf)
		if err != nil {
			break
		}
		if strings.Contains(string(buf[:got]), "WATCHDOG") {
			t.Fatal("the watchdog was told of progress while nothing answers")
		}
	}
	end()
	hear(t, conn, "STOPPING=1")
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// The watchdog is told three times within the time that it allows.
func TestWatchdogInterval(t *testing.T) {
	t.Setenv("WATCHDOG_USEC", "3000000")
	addr := &net.TCPAddr{IP: net.IPv4zero, Port: 8080}
	n := newNotifier(addr, nil, nil)
	if n.interval != time.Second || n.alive != "http://127.0.0.1:8080/healthz" {
		t.Errorf("asks %s every %s", n.alive, n.interval)
	}
}

// Nobody to tell is no fault.
func TestWithoutServiceManager(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	n := newNotifier(server.Listener.Addr(), func() error { return nil }, slog.New(slog.DiscardHandler))
	if err := n.Serve(t.Context(), t.Context()); err != nil {
		t.Error(err)
	}
}

// A whole peer is ready for its service manager when it serves, although the others are not there, says whom it waits for, and
// says when it stops.
func TestPeerTellsServiceManager(t *testing.T) {
	conn := manager(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	conf := threeConfigs(t)[0]
	go func() { ended <- serve(ctx, conf, slog.New(slog.DiscardHandler), environment{fatal: failAt(t)}) }()
	hear(t, conn, "READY=1")
	hear(t, conn, "waiting for 3 peers, have 1")
	cancel()
	hear(t, conn, "STOPPING=1")
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
