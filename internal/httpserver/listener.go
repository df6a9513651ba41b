package httpserver

import (
	"context"
	"errors"
	"net"
	"os"
	"syscall"
	"time"
)

// queueWait is how long a listener that ends waits for those who are just connecting: longer than a packet takes from a
// load balancer and back.
const queueWait = 5 * time.Millisecond

// Listen opens the TCP address for a server that ends without losing a connection.
func Listen(address string) (net.Listener, error) {
	var config net.ListenConfig
	config.SetMultipathTCP(false) // it knows no filter: see ignoreNew
	return config.Listen(context.Background(), "tcp", address)
}

// listener can end without a reset of the connections that the kernel has established and nobody has accepted yet.
type listener struct{ net.Listener }

// queued is a listener for which the kernel keeps connections until they are accepted.
type queued interface {
	net.Listener
	syscall.Conn
	SetDeadline(time.Time) error
}

// end has Accept go on until nobody waits any more, and then close. It does not block. A listener without a queue is
// closed at once.
func (l listener) end() error {
	queue, ok := l.Listener.(queued)
	if !ok {
		return l.Close()
	}
	_ = ignoreNew(queue) // without it, whoever connects between the last Accept and the end is reset
	return queue.SetDeadline(time.Now().Add(queueWait))
}

// Accept implements net.Listener.
func (l listener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		queue, ok := l.Listener.(queued)
		if !ok || !errors.Is(err, os.ErrDeadlineExceeded) {
			return conn, err
		}
		// It ends. The time may have passed before anybody looked at the queue.
		if !waiting(queue) {
			return nil, errors.Join(net.ErrClosed, l.Close())
		}
		if err := queue.SetDeadline(time.Now().Add(queueWait)); err != nil {
			return nil, err
		}
	}
}
