package boottest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// load sends requests at a steady rate, whether or not those before are answered.
type load struct {
	t     *testing.T
	name  string
	stop  context.CancelFunc
	sends sync.WaitGroup

	mu       sync.Mutex
	sent     int
	last     time.Time     // of a success
	gap      time.Duration // the longest time between two successes
	failures []error
}

// startLoad sends so many requests a second until it is ended. send makes the request of a number.
func startLoad(t *testing.T, name string, rate int, send func(n int) error) *load {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	l := &load{t: t, name: name, stop: cancel, last: time.Now()}
	tick := time.NewTicker(time.Second / time.Duration(rate))
	l.sends.Go(func() {
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				l.sends.Go(func() { l.record(send(n)) })
			}
		}
	})
	t.Cleanup(func() {
		cancel()
		l.sends.Wait()
	})
	return l
}

func (l *load) record(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent++
	if err != nil {
		l.failures = append(l.failures, fmt.Errorf("at %s: %w", time.Now().Format("15:04:05.000"), err))
		return
	}
	l.gap = max(l.gap, time.Since(l.last))
	l.last = time.Now()
}

// end waits for the last answers, fails the test if a request has failed, and returns the longest time without a success.
func (l *load) end() (gap time.Duration) {
	l.t.Helper()
	l.stop()
	l.sends.Wait()
	if l.sent == 0 {
		l.t.Fatalf("%s: no request was sent", l.name)
	}
	l.t.Logf("FIGURE %s: %d requests, %d failed, %s without a success at most", l.name, l.sent, len(l.failures), seconds(l.gap))
	if len(l.failures) > 0 {
		l.t.Errorf("%s: %d of %d requests failed:\n%v", l.name, len(l.failures), l.sent, errors.Join(l.failures[:min(5, len(l.failures))]...))
	}
	return l.gap
}

// reads asks the public gateway for what is stored, 100 times a second.
func (c *cluster) reads() *load {
	c.t.Helper()
	var paths []string
	for cid := range c.acknowledged() {
		paths = append(paths, "/ipfs/"+cid)
	}
	if len(paths) == 0 {
		c.t.Fatal("nothing is stored that could be read")
	}
	return startLoad(c.t, "reads", 100, func(n int) error {
		_, err := c.get(gatewayURL + paths[n%len(paths)])
		return err
	})
}

// writes adds small files through the private API, 10 a second.
func (c *cluster) writes() *load {
	c.t.Helper()
	var made atomic.Int64
	return startLoad(c.t, "writes", 10, func(int) error {
		_, err := c.add(rpcURL, fmt.Appendf(nil, "file %d of %s", made.Add(1), c.t.Name()))
		return err
	})
}

// fill stores files of the given size through the balancer.
func (c *cluster) fill(files, size int) {
	c.t.Helper()
	for n := range files {
		content := fmt.Appendf(make([]byte, 0, size), "content %d of %s", n, c.t.Name())
		if _, err := c.add(rpcURL, content[:max(size, len(content))]); err != nil {
			c.t.Fatal(err)
		}
	}
}
