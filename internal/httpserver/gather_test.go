package httpserver

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// counting is a handler that counts the pieces in which its answers leave.
type counting struct {
	size   int
	before func(*http.Request)
}

func (c counting) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.before(r)
	w.Header().Set("Content-Length", strconv.Itoa(c.size))
	_, _ = w.Write(bytes.Repeat([]byte("x"), c.size))
}

// pieces asks and returns in how many reads the answer came. On loopback a read gets what one write has sent, if the
// reader waits for it.
func pieces(t *testing.T, h http.Handler) (n int, answer string) {
	t.Helper()
	c := dial(t, serve(t, listenLoopback(t), h, patience).addr)
	if err := c.send(); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 64<<10)
	for !strings.HasSuffix(answer, "x") || len(answer) < h.(counting).size {
		got, err := c.Conn.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		answer += string(buf[:got])
		n++
	}
	return n, answer
}

func TestGatheredAnswerIsOnePiece(t *testing.T) {
	n, gathered := pieces(t, counting{4 << 10, Gather})
	if n != 1 {
		t.Errorf("it comes in %d pieces", n)
	}
	_, plain := pieces(t, counting{4 << 10, func(*http.Request) {}})
	if a, b := withoutDate(gathered), withoutDate(plain); a != b {
		t.Errorf("it is another answer:\n%.300q\n%.300q", a, b)
	}
}

func withoutDate(answer string) string {
	before, after, _ := strings.Cut(answer, "Date: ")
	_, after, _ = strings.Cut(after, "\r\n")
	return before + after
}

// noting is a connection that notes what is written, piece by piece.
type noting struct {
	tcpConn
	pieces []string
}

func (n *noting) Write(p []byte) (int, error) {
	n.pieces = append(n.pieces, string(p))
	return len(p), nil
}

func (*noting) SetWriteDeadline(time.Time) error { return nil }

// A deadline before an answer does not take it to pieces; one after it sends it.
func TestGatheredAnswerWithADeadline(t *testing.T) {
	n := &noting{}
	c := &conn{tcpConn: n, buffers: newGathered(nil).buffers}
	c.gather()
	write := func(text string) {
		if _, err := io.WriteString(c, text); err != nil {
			t.Fatal(err)
		}
	}
	deadline := func() {
		if err := c.SetWriteDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
	}
	deadline()
	write("header ")
	write("body")
	if len(n.pieces) != 0 {
		t.Errorf("%q is sent before the end", n.pieces)
	}
	deadline()
	write("the next")
	if got := strings.Join(n.pieces, "|"); got != "header body|the next" {
		t.Errorf("sent is %q", got)
	}
}

// What is larger than the handler has said goes out all the same, in its order, and so does the answer after it.
func TestGatheredAnswerOfAnySize(t *testing.T) {
	for _, size := range []int{0, 1, 4 << 10, gatherLimit - 300, gatherLimit, 1 << 20} {
		body := bytes.Repeat([]byte("0123456789abcdef"), size/16+1)[:size]
		s := serve(t, listenLoopback(t), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			Gather(r)
			for rest := body; len(rest) > 0; rest = rest[min(len(rest), 1000):] {
				_, _ = w.Write(rest[:min(len(rest), 1000)])
			}
		}), patience)
		client := &http.Client{Transport: &http.Transport{}}
		for range 3 {
			if got, err := fetch(client, "http://"+s.addr); err != nil || got != string(body) {
				t.Errorf("%d bytes: %d came, %v", size, len(got), err)
			}
		}
		client.CloseIdleConnections()
	}
}

// A body that the kernel copies comes after its header.
func TestGatheredAnswerThatIsCopied(t *testing.T) {
	content := strings.Repeat("0123456789abcdef", 1000)
	s := serve(t, listenLoopback(t), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		Gather(r)
		http.ServeContent(w, r, "name.txt", time.Time{}, strings.NewReader(content))
	}), patience)
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for range 3 {
		if got, err := fetch(client, "http://"+s.addr); err != nil || got != content {
			t.Errorf("%d bytes, %v", len(got), err)
		}
	}
}

// The last answer on a connection is not kept back.
func TestGatheredAnswerBeforeTheEnd(t *testing.T) {
	s := serve(t, listenLoopback(t), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		Gather(r)
		w.Header().Set("Connection", "close")
		_, _ = io.WriteString(w, "the last one")
	}), patience)
	if got, err := fetch(&http.Client{Transport: &http.Transport{}}, "http://"+s.addr); err != nil || got != "the last one" {
		t.Errorf("%q, %v", got, err)
	}
}
