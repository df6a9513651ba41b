package httpserver

import (
	"net"
	"net/http"
	"sync"
	"time"
)

// linger is how long a connection without a request stays open while the server drains: longer than a request that the
// client has just sent is on its way.
const linger = 250 * time.Millisecond

// connections are those that are open, and since when each has waited for a request; zero: one is being answered.
type connections struct {
	mu   sync.Mutex
	open map[net.Conn]time.Time
}

func newConnections() *connections { return &connections{open: make(map[net.Conn]time.Time)} }

// changed notes a connection's state, as http.Server.ConnState.
func (c *connections) changed(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch state {
	case http.StateNew, http.StateIdle:
		c.open[conn] = time.Now()
	case http.StateActive:
		c.open[conn] = time.Time{}
	case http.StateClosed, http.StateHijacked:
		delete(c.open, conn)
	}
}

// closeQuiet closes the connections on which no request has come for the time of linger, or since began if that is later.
// It returns how many connections are open, those included.
func (c *connections) closeQuiet(began time.Time) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	for conn, since := range c.open {
		if since.IsZero() {
			continue
		}
		if since.Before(began) {
			since = began
		}
		if now.Sub(since) >= linger {
			_ = conn.Close() // the client is gone if this fails
		}
	}
	return len(c.open)
}
