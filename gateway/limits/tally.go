package limits

import (
	"container/list"
	"fmt"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// remembered is how many clients without a request in progress are remembered. Who is forgotten starts anew.
const remembered = 1 << 16

// tally counts requests by client.
type tally struct {
	rate  rate.Limit // requests a second; 0: any number
	burst int
	most  int // in progress at once; 0: any number
	keep  int // clients that are remembered without a request in progress

	mu    sync.Mutex
	known map[netip.Addr]*visitor
	idle  list.List // of visitors without a request in progress, the longest first
}

// visitor is a client that is remembered.
type visitor struct {
	key     netip.Addr
	bucket  *rate.Limiter
	running int
	idle    *list.Element // nil while a request is in progress
}

func newTally(perSecond float64, burst, most int) *tally {
	return &tally{rate: rate.Limit(perSecond), burst: burst, most: most, keep: remembered, known: make(map[netip.Addr]*visitor)}
}

// enter counts a request that begins. The caller must leave with the visitor if the request is not refused.
func (t *tally) enter(key netip.Addr, now time.Time) (*visitor, *refusal) {
	t.mu.Lock()
	defer t.mu.Unlock()
	v := t.known[key]
	if v == nil {
		v = &visitor{key: key, bucket: rate.NewLimiter(t.rate, t.burst)}
		t.known[key] = v
		v.idle = t.idle.PushBack(v)
	}
	if t.most > 0 && v.running >= t.most {
		return nil, &refusal{kind: KindClient, status: http.StatusTooManyRequests, retry: time.Second,
			reason: fmt.Sprintf("Your address has %d requests in progress, the most that this gateway answers at once.", v.running)}
	}
	if t.rate > 0 && !v.bucket.AllowN(now, 1) {
		t.trim()
		return nil, &refusal{kind: KindRate, status: http.StatusTooManyRequests, retry: max(time.Second, time.Duration(float64(time.Second)/float64(t.rate))),
			reason: fmt.Sprintf("Your address sends more than the %g requests a second that this gateway answers.", float64(t.rate))}
	}
	v.running++
	if v.idle != nil {
		t.idle.Remove(v.idle)
		v.idle = nil
	}
	return v, nil
}

// leave counts a request that has ended.
func (t *tally) leave(v *visitor) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if v.running--; v.running == 0 {
		v.idle = t.idle.PushBack(v)
		t.trim()
	}
}

// trim forgets those who have not come for the longest time.
func (t *tally) trim() {
	for t.idle.Len() > t.keep {
		oldest := t.idle.Front()
		delete(t.known, t.idle.Remove(oldest).(*visitor).key)
	}
}
