package peer

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// listen answers every connection with answer, which may keep it until it returns.
func listen(t testing.TB, answer func(net.Conn)) (hostport string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer c.Close()
				answer(c)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		all.Wait()
	})
	return l.Addr().String()
}

func TestLearnPeerID(t *testing.T) {
	h, addr := newHost(t, testSecret(1))
	id, err := learnPeerID(t.Context(), addr, testKey(t), testSecret(1))
	if err != nil || id != h.ID() {
		t.Errorf("learned %s, %v; want %s", id, err, h.ID())
	}
}

// TestLearnPeerIDWithAnotherSecret tries often: what another secret makes of the answer is random.
func TestLearnPeerIDWithAnotherSecret(t *testing.T) {
	_, addr := newHost(t, testSecret(1))
	key := testKey(t)
	for range 50 {
		id, err := learnPeerID(t.Context(), addr, key, testSecret(2))
		if !errors.Is(err, errSecretDiffers) || id != "" {
			t.Fatalf("learned %q, %v", id, err)
		}
		if !strings.Contains(err.Error(), addr) {
			t.Fatalf("the error does not name %s: %v", addr, err)
		}
	}
}

func TestLearnPeerIDFromSomethingElse(t *testing.T) {
	free := freePorts(t, 1)[0]
	bad := "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n400 Bad Request"
	for _, r := range []struct {
		name    string
		addr    string
		differs bool
	}{
		{"a web server", listen(t, func(c net.Conn) {
			_, _ = c.Read(make([]byte, 1))
			_, _ = io.WriteString(c, bad)
		}), true},
		{"says a word and hangs up", listen(t, func(c net.Conn) { _, _ = io.WriteString(c, "220 hello\r\n") }), false},
		{"hangs up", listen(t, func(net.Conn) {}), false},
		{"hears us out and hangs up", listen(t, func(c net.Conn) { _, _ = c.Read(make([]byte, 4096)) }), false},
		{"nobody", free, false},
		{"no address", "127.0.0.1", false},
	} {
		t.Run(r.name, func(t *testing.T) {
			_, err := learnPeerID(t.Context(), r.addr, testKey(t), testSecret(1))
			if err == nil || errors.Is(err, errSecretDiffers) != r.differs {
				t.Errorf("error is %v; want that secrets differ: %t", err, r.differs)
			}
		})
	}
}

func TestLearnPeerIDGivesUpOnSilence(t *testing.T) {
	addr := listen(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := learnPeerID(ctx, addr, testKey(t), testSecret(1)); err == nil || errors.Is(err, errSecretDiffers) {
		t.Errorf("error is %v", err)
	}
}

func TestLearnPeerIDNeedsAProperSecret(t *testing.T) {
	_, addr := newHost(t, testSecret(1))
	if _, err := learnPeerID(t.Context(), addr, testKey(t), []byte("short")); err == nil {
		t.Error("a short secret is accepted")
	}
}
