package httpserver

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// A client that keeps its connection does not know yet that the server drains when it sends its next request.
func TestDrainAnswersTheNextRequestOnAnIdleConnection(t *testing.T) {
	for range 50 {
		l := watch(t)
		s := serve(t, l, hello(), patience)
		c := dial(t, s.addr)
		if last, err := c.ask(); err != nil || last {
			t.Fatalf("the first request: last %t, %v", last, err)
		}
		s.cancel()
		<-l.told
		if last, err := c.ask(); err != nil || !last {
			t.Fatalf("the request while the server drains: last %t, %v", last, err)
		}
		if err := c.closed(); err != nil {
			t.Error(err)
		}
		if err := s.ended(t); err != nil {
			t.Errorf("serve: %v", err)
		}
	}
}

// The kernel has established these connections, so their clients count on an answer.
func TestDrainAnswersConnectionsThatWaitToBeAccepted(t *testing.T) {
	l := watch(t)
	accept := make(chan struct{})
	l.accept = accept
	s := serve(t, l, hello(), patience)
	clients := make([]*client, 50)
	for i := range clients {
		clients[i] = dial(t, s.addr)
		if err := clients[i].send(); err != nil {
			t.Fatal(err)
		}
	}
	s.cancel()
	<-l.told
	close(accept)
	for i, c := range clients {
		if last, err := c.receive(); err != nil || !last {
			t.Errorf("connection %d: last %t, %v", i, last, err)
		}
	}
	if err := s.ended(t); err != nil {
		t.Errorf("serve: %v", err)
	}
	if !refused(s.addr) {
		t.Error("the port is still open")
	}
}

// Clients connect and ask as fast as they can while servers end: each is answered or refused.
func TestDrainAnswersOrRefuses(t *testing.T) {
	var rounds sync.WaitGroup
	for range 8 {
		s, asked := serve(t, watch(t), hello(), patience), make(chan error)
		rounds.Go(func() {
			for range 2 {
				rounds.Go(func() { askUntilRefused(s.addr, asked) })
			}
			answered, refused := 0, 0
			for refused < 2 {
				switch err := <-asked; {
				case errors.Is(err, syscall.ECONNREFUSED):
					refused++
				case err != nil:
					t.Errorf("a request is lost: %v", err)
				default:
					answered++
				}
				if answered == 20 {
					s.cancel()
				}
			}
			if err := <-s.done; err != nil {
				t.Errorf("serve: %v", err)
			}
		})
	}
	rounds.Wait()
}

// askUntilRefused asks on one connection after the other, and tells how that went, until it gets none.
func askUntilRefused(addr string, asked chan<- error) {
	for {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			_, err = (&client{conn, bufio.NewReader(conn)}).ask()
			_ = conn.Close() // all that came is read
		}
		asked <- err
		if errors.Is(err, syscall.ECONNREFUSED) {
			return
		}
	}
}

// stopTakes ends the server and returns how long that takes by the clock of the test.
func stopTakes(t *testing.T, s *serving, meanwhile func()) time.Duration {
	t.Helper()
	began := time.Now()
	s.cancel()
	meanwhile()
	if err := <-s.done; err != nil {
		t.Errorf("serve: %v", err)
	}
	return time.Since(began)
}

func TestDrainTakesNoLongerThanItsConnections(t *testing.T) {
	nothing := func(*testing.T, *pipes) func() { return func() {} }
	kept := func(t *testing.T, l *pipes) *client {
		c := l.dial()
		if last, err := c.ask(); err != nil || last {
			t.Errorf("the first request: last %t, %v", last, err)
		}
		return c
	}
	for _, test := range []struct {
		name  string
		begin func(*testing.T, *pipes) (meanwhile func())
		least time.Duration
	}{
		{"no connection", nothing, 0},
		{"one that the client closes", func(t *testing.T, l *pipes) func() {
			c := kept(t, l)
			return func() { _ = c.Close() }
		}, 0},
		{"one that stays idle", func(t *testing.T, l *pipes) func() {
			c := kept(t, l)
			return func() {
				if err := c.closed(); err != nil {
					t.Error(err)
				}
			}
		}, linger},
		{"one that has been idle for long", func(t *testing.T, l *pipes) func() {
			c := kept(t, l)
			time.Sleep(time.Minute) // of the test's clock
			return func() { _, _ = c.closed(), c.Close() }
		}, linger},
		{"one on which nothing was ever asked", func(t *testing.T, l *pipes) func() {
			c := l.dial()
			return func() { _, _ = c.closed(), c.Close() }
		}, linger},
		{"one with a last request", func(t *testing.T, l *pipes) func() {
			c := kept(t, l)
			return func() {
				time.Sleep(linger / 2)
				if last, err := c.ask(); err != nil || !last {
					t.Errorf("the last request: last %t, %v", last, err)
				}
			}
		}, linger / 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newPipes()
				s := serve(t, l, hello(), patience)
				took := stopTakes(t, s, test.begin(t, l))
				if took < test.least || took > test.least+drainStep {
					t.Errorf("stopped after %s, want %s", took, test.least)
				}
			})
		})
	}
}

// The answer to a request from before the drain could not say that it is the last one on its connection.
func TestDrainLingersAfterALongRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, g := newPipes(), newGate()
		s := serve(t, l, g, patience)
		c := l.dial()
		received := make(chan error, 1)
		var last bool
		if err := c.send(); err != nil {
			t.Fatal(err)
		}
		go func() {
			var err error
			last, err = c.receive()
			received <- err
		}()
		<-g.entered
		took := stopTakes(t, s, func() {
			time.Sleep(time.Second)
			close(g.proceed)
			if err := <-received; err != nil || last {
				t.Fatalf("the request from before: last %t, %v", last, err)
			}
			time.Sleep(linger / 2)
			if last, err := c.ask(); err != nil || !last {
				t.Errorf("the next one: last %t, %v", last, err)
			}
		})
		if want := time.Second + linger/2; took < want || took > want+drainStep {
			t.Errorf("stopped after %s, want %s", took, want)
		}
	})
}

// A request that outlasts the grace is cut, and nothing that its handler writes then makes the answer look complete.
func TestDrainIsBoundedByTheGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, entered := newPipes(), make(chan struct{})
		s := serve(t, l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			out := http.NewResponseController(w)
			if err := out.Flush(); err != nil {
				t.Errorf("the beginning: %v", err)
			}
			close(entered)
			<-r.Context().Done()
			_, _ = io.WriteString(w, "the rest") // into a buffer
			if err := out.Flush(); err == nil {
				t.Error("the request is cut while its connection is open")
			}
		}), time.Second)
		c := l.dial()
		if err := c.send(); err != nil {
			t.Fatal(err)
		}
		received := make(chan error, 1)
		go func() {
			_, err := c.receive()
			received <- err
		}()
		<-entered
		if took := stopTakes(t, s, func() {}); took != time.Second {
			t.Errorf("stopped after %s, want the grace of 1s", took)
		}
		if err := <-received; err == nil {
			t.Error("the answer looks complete")
		}
	})
}

// A descriptor that is missing while the server ends must not cost the connections that wait.
func TestListenerGoesOnAfterOtherErrors(t *testing.T) {
	inner := &failing{TCPListener: listenLoopback(t), errs: []error{&net.OpError{Op: "accept", Err: os.NewSyscallError("accept", syscall.EMFILE)}}}
	l := listener{inner}
	dial(t, inner.Addr().String())
	if err := l.end(); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Accept(); !errors.Is(err, syscall.EMFILE) {
		t.Errorf("the error is %v", err)
	}
	conn, err := l.Accept()
	if err != nil {
		t.Fatalf("the connection that waits: %v", err)
	}
	_ = conn.Close()
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("nobody waits any more: %v", err)
	}
}

// failing fails to accept with the errors first.
type failing struct {
	*net.TCPListener
	errs []error
}

func (f *failing) Accept() (net.Conn, error) {
	if len(f.errs) > 0 {
		err := f.errs[0]
		f.errs = f.errs[1:]
		return nil, err
	}
	return f.TCPListener.Accept()
}
