package access

import (
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"
)

func TestAddressOf(t *testing.T) {
	for remote, want := range map[string]string{
		"192.0.2.1:5":              "192.0.2.1",
		"[::ffff:192.0.2.1]:5":     "192.0.2.1",
		"[2001:db8:1:2:3:4:5:6]:7": "2001:db8:1:2::",
		"[fe80::1%eth0]:7":         "fe80::",
		"nonsense":                 "invalid IP",
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = remote
		if got := addressOf(r).String(); got != want {
			t.Errorf("%s: %s, want %s", remote, got, want)
		}
	}
}

// Attempts come back with time, and a burst begins when all have.
func TestAttemptsComeBack(t *testing.T) {
	now := time.Now()
	a := newAttempts(func() time.Time { return now })
	here := client{netip.MustParseAddr("192.0.2.1"), "token"}
	for n := range attemptBurst {
		if wait, begins := a.take(here); wait != 0 || begins != (n == 0) {
			t.Fatalf("attempt %d: wait %s, begins %t", n, wait, begins)
		}
	}
	if wait, _ := a.take(here); wait != attemptPause {
		t.Errorf("wait %s, want %s", wait, attemptPause)
	}
	now = now.Add(attemptPause)
	if wait, begins := a.take(here); wait != 0 || begins {
		t.Errorf("after a pause: wait %s, begins %t", wait, begins)
	}
	if wait, _ := a.take(here); wait == 0 {
		t.Error("a pause gives more than one attempt back")
	}
	now = now.Add(attemptBurst * attemptPause)
	if wait, begins := a.take(here); wait != 0 || !begins {
		t.Errorf("after a long pause: wait %s, begins %t", wait, begins)
	}
}

// However many clients try, the memory is bounded, and those who cannot be told apart are limited together.
func TestAttemptsAreBounded(t *testing.T) {
	now := time.Now()
	a := newAttempts(func() time.Time { return now })
	addr := func(n int) client {
		return client{addr: netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)})}
	}
	const clients = attemptClients + 3*attemptBurst
	refused := 0
	for n := range clients {
		if wait, _ := a.take(addr(n)); wait > 0 {
			refused++
		}
	}
	if len(a.clients) > attemptClients || refused != 2*attemptBurst {
		t.Errorf("%d clients are remembered, %d refused", len(a.clients), refused)
	}
	now = now.Add(attemptBurst * attemptPause)
	if wait, _ := a.take(addr(clients)); wait > 0 || len(a.clients) != 1 {
		t.Errorf("later: wait %s, %d remembered", wait, len(a.clients))
	}
}
