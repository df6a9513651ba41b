package stockbench

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// fetching is what the connections of one measurement ask for again and again.
type fetching struct {
	address string // host:port of the server
	path    string
	content []byte // the whole file
	rangeOf int    // bytes of the random ranges that are asked for; 0: the whole file
}

// fetched is what came of it.
type fetched struct {
	requests int
	took     time.Duration
}

func (f fetched) perSecond() float64 { return perSecond(f.requests, f.took) }

// fetch has connections ask until the time is over, and checks every byte that comes. A client library would take as much
// processor time as the servers, and hide how they differ: this one reads what it needs of an answer and nothing else.
func fetch(b *testing.B, connections int, f fetching, howLong time.Duration) fetched {
	b.Helper()
	var requests atomic.Int64
	var g errgroup.Group
	began := time.Now()
	until := began.Add(howLong)
	for range connections {
		g.Go(func() error {
			conn, err := net.Dial("tcp", f.address)
			if err != nil {
				return err
			}
			defer conn.Close()
			c := &rawClient{conn: conn, in: bufio.NewReaderSize(conn, 4<<10), buffer: make([]byte, min(len(f.content), 256<<10))}
			for {
				if err := c.ask(f); err != nil {
					return err
				}
				requests.Add(1)
				if time.Now().After(until) {
					return nil
				}
			}
		})
	}
	err := g.Wait()
	took := time.Since(began)
	if err != nil {
		b.Fatalf("GET http://%s%s on %d connections: %v", f.address, f.path, connections, err)
	}
	return fetched{requests: int(requests.Load()), took: took}
}

// rawClient is one connection that is kept.
type rawClient struct {
	conn    net.Conn
	in      *bufio.Reader
	request []byte
	buffer  []byte
}

// ask sends one request and checks the answer.
func (c *rawClient) ask(f fetching) error {
	c.request = fmt.Appendf(c.request[:0], "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: bench\r\n", f.path, f.address)
	status, want := "200", f.content
	if f.rangeOf > 0 {
		from := rand.IntN(len(f.content) - f.rangeOf)
		status, want = "206", f.content[from:from+f.rangeOf]
		c.request = fmt.Appendf(c.request, "Range: bytes=%d-%d\r\n", from, from+f.rangeOf-1)
	}
	if _, err := c.conn.Write(append(c.request, "\r\n"...)); err != nil {
		return err
	}
	length, err := c.head(status)
	if err != nil {
		return err
	}
	if length != len(want) {
		return fmt.Errorf("the answer has %d bytes, want %d", length, len(want))
	}
	return c.body(want)
}

// head reads the answer up to its body and returns the length of that.
func (c *rawClient) head(status string) (length int, err error) {
	length = -1
	for first := true; ; first = false {
		raw, err := c.in.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		line := strings.TrimSuffix(string(raw), "\r\n")
		switch name, value, _ := strings.Cut(line, ":"); {
		case line == "":
			return length, nil
		case first && !strings.HasPrefix(line, "HTTP/1.1 "+status):
			return 0, fmt.Errorf("%w: %s", errStatus, line)
		case strings.EqualFold(name, "Content-Length"):
			if length, err = strconv.Atoi(strings.TrimSpace(value)); err != nil {
				return 0, err
			}
		}
	}
}

var errWrongBytes = errors.New("the answer has other bytes")

// body reads what must come.
func (c *rawClient) body(want []byte) error {
	for len(want) > 0 {
		n, err := c.in.Read(c.buffer[:min(len(c.buffer), len(want))])
		if err != nil {
			return errors.Join(err, io.ErrUnexpectedEOF)
		}
		if !bytes.Equal(c.buffer[:n], want[:n]) {
			return errWrongBytes
		}
		want = want[n:]
	}
	return nil
}
