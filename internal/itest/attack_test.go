package itest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// needFiles lets this process open n files.
func needFiles(t testing.TB, n uint64) {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if limit.Cur >= n {
		return
	}
	if limit.Cur = n; limit.Max < n {
		limit.Max = n
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Skipf("this test needs %d open files: %v", n, err)
	}
}

// 5,000 connections that never finish their requests stop nobody.
func TestAttackSlowloris(t *testing.T) {
	const connections, addresses = 5000, 50
	needFiles(t, 3*connections)
	x := StartTarget(t)
	address := strings.TrimPrefix(x.Gateway, "http://")
	attackers := make([]*attacker, addresses)
	for n := range attackers {
		attackers[n] = newAttacker(n)
	}
	x.Withstand(200, func(ctx context.Context, ready func()) error {
		open := make([]net.Conn, connections)
		defer func() {
			for _, c := range open {
				if c != nil {
					c.Close()
				}
			}
		}()
		for first := true; ctx.Err() == nil; first = false {
			for i := range open {
				if open[i] != nil {
					_ = open[i].SetWriteDeadline(time.Now().Add(time.Second))
					if _, err := open[i].Write([]byte("x")); err == nil {
						continue
					}
					open[i].Close() // the peer had enough of it
				}
				conn, err := attackers[i%addresses].dialer.DialContext(ctx, "tcp", address)
				if err == nil {
					_, err = conn.Write([]byte("GET / HTTP/1.1\r\nHost: slow\r\nX-Slow: "))
				}
				if open[i] = conn; err != nil && ctx.Err() == nil {
					return fmt.Errorf("connection %d: %w", i, err)
				}
			}
			if first {
				ready()
			}
			rest(ctx, time.Second)
		}
		return nil
	})
}

// One address cannot have more than its share of the connections.
func TestAttackConnectionsOfOneAddress(t *testing.T) {
	const share = 50
	x := StartTarget(t, "--gateway-client-connections", fmt.Sprint(share))
	a := newAttacker(1)
	address := strings.TrimPrefix(x.Gateway, "http://")
	var open []net.Conn
	defer func() {
		for _, c := range open {
			c.Close()
		}
	}()
	answered := 0
	for range 4 * share {
		conn, err := a.dialer.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, conn)
		_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
		fmt.Fprintf(conn, "GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n")
		if res, err := http.ReadResponse(bufio.NewReader(conn), nil); err == nil && res.StatusCode == 200 {
			answered++
		}
	}
	if answered != share {
		t.Errorf("%d connections of one address are served, want %d", answered, share)
	}
	x.ask(20)
}

// 10,000 requests for content that nobody has wait, give way or are refused; content that is here is served meanwhile.
func TestAttackMissingContent(t *testing.T) {
	const requests = 10_000
	needFiles(t, 8192)
	x := StartTarget(t)
	x.Withstand(400, func(ctx context.Context, ready func()) error {
		var got tally
		crowd(ctx, 100, 20, func(ctx context.Context, a *attacker, n int) {
			if n >= requests {
				<-ctx.Done() // all are sent
				return
			}
			status := a.fetch(ctx, x.Gateway+"/ipfs/"+absentCID(t, fmt.Sprintf("missing %d", n)), 1<<10)
			if got.add(status) == requests/4 {
				ready()
			}
			if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
				rest(ctx, 100*time.Millisecond)
			}
		})
		t.Logf("answers to %d requests, by status: %v", got.n, got.seen)
		for status := range got.seen {
			switch status {
			case 0, 429, 503, 504: // 0: cut when the test ended
			default:
				return fmt.Errorf("status %d for content that nobody has", status)
			}
		}
		if got.n < requests/2 {
			return fmt.Errorf("only %d requests", got.n)
		}
		return nil
	})
}

// Of a directory of a million entries a part is listed, which says so, and each entry is served.
func TestAttackLargeDirectory(t *testing.T) {
	x := StartTarget(t)
	entries := scaled(100_000, 1_000_000)
	root := x.importSharded(entries)
	if page, err := x.Fetch("/ipfs/" + root + "/entry-77"); err != nil || string(page) != "leaf" {
		t.Fatalf("an entry: %q, %v", page, err)
	}
	if page, err := x.Fetch("/ipfs/" + root + "/"); err != nil || len(page) > 8<<20 || bytes.Count(page, []byte("entry-")) > 50_000 {
		t.Fatalf("the listing has %d bytes: %v", len(page), err)
	}
	x.Withstand(300, func(ctx context.Context, ready func()) error {
		var got tally
		crowd(ctx, 4, 2, func(ctx context.Context, a *attacker, n int) {
			if got.add(a.fetch(ctx, x.Gateway+"/ipfs/"+root+"/", 1<<30)) == 8 {
				ready()
			}
		})
		t.Logf("answers by status: %v", got.seen)
		for status := range got.seen {
			if status != 0 && status != http.StatusOK {
				return fmt.Errorf("status %d", status)
			}
		}
		return nil
	})
}

// A DAG 10^4 deep costs what its blocks cost, in any format.
func TestAttackDeepDAG(t *testing.T) {
	x := StartTarget(t)
	root := x.importChain(10_000)
	targets := []string{"?format=car", "?format=tar", "/", strings.Repeat("/a", 200) + "/", strings.Repeat("/a", 3000), "?format=car&dag-scope=entity"}
	x.Withstand(300, func(ctx context.Context, ready func()) error {
		var got tally
		crowd(ctx, 2, 2, func(ctx context.Context, a *attacker, n int) {
			if got.add(a.fetch(ctx, x.Gateway+"/ipfs/"+root+targets[n%len(targets)], 1<<30)) == 2*len(targets) {
				ready()
			}
		})
		t.Logf("answers by status: %v", got.seen)
		return nil
	})
}

// Clients that go away in the middle, or read nothing, leave nothing behind.
func TestAttackCutConnections(t *testing.T) {
	x := StartTarget(t, "--gateway-max-read-pause", "2s")
	large, err := x.Add(make([]byte, 32<<20), "")
	if err != nil {
		t.Fatal(err)
	}
	address := strings.TrimPrefix(x.Gateway, "http://")
	x.Withstand(400, func(ctx context.Context, ready func()) error {
		var cut, unread atomic.Int64
		crowd(ctx, 8, 8, func(ctx context.Context, a *attacker, n int) {
			conn, err := a.dialer.DialContext(ctx, "tcp", address)
			if err != nil {
				return
			}
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
			fmt.Fprintf(conn, "GET /ipfs/%s HTTP/1.1\r\nHost: here\r\n\r\n", large)
			if _, err := bufio.NewReader(conn).ReadString('\n'); err != nil {
				return
			}
			if n%16 == 0 { // reads no more until the peer ends it
				a.awaitEnd(ctx, conn)
				unread.Add(1)
			}
			if cut.Add(1) == 100 {
				ready()
			}
		})
		t.Logf("%d connections cut, %d unread", cut.Load(), unread.Load())
		return nil
	})
}

// awaitEnd waits until the peer has reset the connection, without reading from it.
func (a *attacker) awaitEnd(ctx context.Context, conn net.Conn) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		_, err := conn.Write([]byte("x"))
		if err != nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Requests of every kind of garbage leave no memory behind.
func TestAttackGarbage(t *testing.T) {
	x := StartTarget(t)
	kinds := []func(n int) string{
		func(n int) string { return fmt.Sprintf("GET /ipfs/garbage-%d HTTP/1.1\r\nHost: here\r\n\r\n", n) },
		func(n int) string { return fmt.Sprintf("GET / HTTP/1.1\r\nHost: garbage-%d.invalid\r\n\r\n", n) },
		func(n int) string { return fmt.Sprintf("M%d /ipfs/x HTTP/1.1\r\nHost: here\r\n\r\n", n) },
		func(n int) string {
			return fmt.Sprintf("GET /ipfs/bafkqaaa HTTP/1.1\r\nHost: here\r\nAccept: application/vnd.ipld.x%d\r\n\r\n", n)
		},
		func(n int) string {
			return fmt.Sprintf("GET /ipfs/%s%d HTTP/1.1\r\nHost: here\r\n\r\n", strings.Repeat("a", 9000), n)
		},
		func(n int) string {
			return fmt.Sprintf("GET / HTTP/1.1\r\nHost: here\r\nX: %s%d\r\n\r\n", strings.Repeat("a", 30_000), n)
		},
		func(n int) string { return fmt.Sprintf("\x16\x03\x01%d", n) },
		func(n int) string {
			return fmt.Sprintf("GET / HTTP/1.1\r\nHost: here\r\nX-Forwarded-For: %d\r\n\r\n", n)
		},
	}
	address := strings.TrimPrefix(x.Gateway, "http://")
	x.Withstand(200, func(ctx context.Context, ready func()) error {
		var got tally
		crowd(ctx, 50, 1, func(ctx context.Context, a *attacker, n int) {
			conn, err := a.dialer.DialContext(ctx, "tcp", address)
			if err != nil {
				return
			}
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
			_, _ = conn.Write([]byte(kinds[n%len(kinds)](n)))
			_ = conn.(*net.TCPConn).CloseWrite()
			status := 0
			if res, err := http.ReadResponse(bufio.NewReader(conn), nil); err == nil {
				status = res.StatusCode
			}
			if got.add(status) == scaled(2000, 20_000) {
				ready()
			}
			rest(ctx, 100*time.Millisecond)
		})
		t.Logf("answers by status: %v", got.seen)
		if got.seen[500] > 0 {
			return errors.New("garbage leads to faults")
		}
		return nil
	})
}

// No route of the private APIs, and nothing about the process, answers on the gateway's port.
func TestPrivateRoutesAreNotOnTheGateway(t *testing.T) {
	page, err := os.ReadFile("../../docs/access-matrix.md")
	if err != nil {
		t.Fatal(err)
	}
	x := StartTarget(t)
	routes := []string{"GET /debug/pprof/", "GET /debug/pprof/goroutine", "GET /debug/vars", "GET /debug/metrics/prometheus", "GET /metrics",
		"GET /debug/stack", "GET /psa/pins", "POST /psa/pins", "POST /node", "GET /node", "GET /webui", "GET /version", "POST /", "GET /api/v0", "POST /logs"}
	for line := range strings.Lines(string(page)) {
		name, _, ok := strings.Cut(strings.TrimPrefix(line, "| `"), "`")
		switch {
		case !ok || !strings.HasPrefix(line, "| `"):
		case strings.Contains(name, " "):
			routes = append(routes, name, strings.Replace(name, " /", " /psa/", 1))
		default:
			routes = append(routes, "POST /api/v0/"+name, "GET /api/v0/"+name)
		}
	}
	if len(routes) < 300 {
		t.Fatalf("only %d routes: the page has another form", len(routes))
	}
	for _, route := range routes {
		if route == "GET /healthz" || route == "GET /readyz" { // the gateway has its own, which tell no more
			continue
		}
		method, path, _ := strings.Cut(route, " ")
		path = strings.NewReplacer("{", "", "}", "", `\|`, "", ":", "", "*", "", ".", "").Replace(path)
		_, err := x.Do(method, x.Gateway+path)
		code, refused := asStatus(err)
		if !refused || code != http.StatusNotFound && code != http.StatusMethodNotAllowed && code != http.StatusBadRequest {
			t.Errorf("%s: status %d, %v", route, code, err)
		}
	}
	x.ask(1)
}
