package limits

import (
	"net/http"
	"strconv"
	"time"
)

const (
	// piece is how much is written under one deadline.
	piece = 128 << 10
	small = 16 << 10 // bytes of an answer that needs no pace
	// deadlineStep is by how much a deadline must move before it is set anew, which costs a system lock.
	deadlineStep = time.Second
)

// paced is a response whose reader must keep a least pace on the whole. Time in which there is nothing to send does not
// count, and a pause of grace is always free; so a download of any length goes through at any rate above the least.
type paced struct {
	http.ResponseWriter
	rate   float64 // bytes a second
	grace  time.Duration
	credit time.Duration // how much longer than at the least pace the reader may take from here on
	until  time.Time     // the deadline that is set
}

// Write implements io.Writer.
func (p *paced) Write(b []byte) (n int, err error) {
	if p.until.IsZero() && isSmall(p.Header()) {
		return p.ResponseWriter.Write(b)
	}
	for {
		part := b[n:min(len(b), n+piece)]
		began := time.Now()
		allowed := p.credit + p.worth(len(part))
		p.deadline(began.Add(allowed))
		m, err := p.ResponseWriter.Write(part)
		n += m
		p.credit = min(p.grace, allowed-time.Since(began))
		if err != nil || n == len(b) {
			return n, err
		}
	}
}

// isSmall tells an answer that waits for no reader, since it fits into what the kernel holds for one. The server's own limit is
// enough for it: a deadline costs more than all else about a small answer from memory.
func isSmall(h http.Header) bool {
	length, err := strconv.ParseInt(h.Get("Content-Length"), 10, 64)
	return err == nil && length <= small
}

// worth is how long n bytes take at the least pace.
func (p *paced) worth(n int) time.Duration {
	return time.Duration(float64(n) / p.rate * float64(time.Second))
}

func (p *paced) deadline(at time.Time) {
	if d := at.Sub(p.until); d > deadlineStep || d < -deadlineStep {
		p.until = at
		_ = http.NewResponseController(p.ResponseWriter).SetWriteDeadline(at) // without deadlines the server's own limits hold
	}
}

// Flush implements http.Flusher.
func (p *paced) Flush() {
	p.deadline(time.Now().Add(p.credit + p.worth(piece)))
	_ = http.NewResponseController(p.ResponseWriter).Flush() // who is gone is noticed by the next Write
}

// end leaves the reader time for what the server has still to send.
func (p *paced) end() {
	if !p.until.IsZero() {
		p.deadline(time.Now().Add(p.credit + p.worth(piece)))
	}
}

// Unwrap is for http.ResponseController.
func (p *paced) Unwrap() http.ResponseWriter { return p.ResponseWriter }
