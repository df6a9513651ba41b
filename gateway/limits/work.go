package limits

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/ipfs/boxo/retrieval"
)

// patience is how long a request may be without progress before another may take its place. Content that is here is sent
// much sooner.
const patience = 500 * time.Millisecond

// WorkOptions bound what is done at once. A bound of 0 is none.
type WorkOptions struct {
	Client     func(r *http.Request) netip.Addr // by whom a request is counted; nil: all are the same
	Concurrent int                              // requests that work
	Retrieval  time.Duration                    // the wait for the first byte, and from then on between two writes
	Duration   time.Duration                    // of a response as a whole
	MaxBytes   int64                            // of a response's body

	Refuse  Refuse     // nil: Plain
	Refused func(Kind) // is told of each refusal; nil: nobody is
}

// Work lets a bounded number of requests through to next, and ends those that take too long: 429 if all places are taken,
// 503 for a request that had to give way, 504 if content does not come. A response that has begun is cut, so that nobody
// takes it for complete.
func Work(o WorkOptions, next http.Handler) http.Handler {
	if o.Refuse == nil {
		o.Refuse = Plain
	}
	return newWork(o, patience, next)
}

func newWork(o WorkOptions, patience time.Duration, next http.Handler) *work {
	if o.Refused == nil {
		o.Refused = nobody
	}
	if o.Client == nil {
		o.Client = func(*http.Request) netip.Addr { return netip.Addr{} }
	}
	return &work{
		WorkOptions: o,
		slots:       &slots{most: o.Concurrent, patience: patience},
		next:        next,
		full: &refusal{kind: KindFull, status: http.StatusTooManyRequests, retry: 5 * time.Second,
			reason: "This gateway answers as many requests at once as it can."},
		yields: &refusal{kind: KindYields, status: http.StatusServiceUnavailable, retry: 10 * time.Second,
			reason: "This gateway has too much to do to go on waiting for this content."},
		overdue: &refusal{kind: KindDuration, status: http.StatusGatewayTimeout,
			reason: fmt.Sprintf("The answer took longer than the %s that this gateway allows.", o.Duration)},
		tooLong: &refusal{kind: KindSize, status: http.StatusGone,
			reason: fmt.Sprintf("The answer is longer than the %d bytes that this gateway sends.", o.MaxBytes)},
	}
}

type work struct {
	WorkOptions
	slots *slots
	next  http.Handler

	full, yields, overdue, tooLong *refusal
}

// ServeHTTP implements http.Handler.
func (k *work) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, state := retrieval.ContextWithState(r.Context())
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	ctx = context.WithValue(ctx, workKey{}, end)
	if k.Duration > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeoutCause(ctx, k.Duration, k.overdue)
		defer stop()
	}
	a := &answer{ResponseWriter: w, work: k, ctx: ctx, end: end}
	if a.slot = k.slots.take(k.Client(r), a.giveWay, k.yields); a.slot == nil {
		k.Refused(k.full.kind)
		k.full.tell(k.Refuse, w, r)
		return
	}
	defer k.slots.give(a.slot)
	if k.Retrieval > 0 {
		a.timer = time.AfterFunc(k.Retrieval, func() {
			end(&refusal{kind: KindStalled, status: http.StatusGatewayTimeout,
				reason: fmt.Sprintf("Nothing of this content came within %s: %s", k.Retrieval, state.Summary())})
		})
		defer a.timer.Stop()
	}
	k.next.ServeHTTP(a, r.WithContext(ctx))
	k.finish(a, w, r)
}

// finish tells a client whose request was ended why, or cuts a response that has begun.
func (k *work) finish(a *answer, w http.ResponseWriter, r *http.Request) {
	ended := a.ended()
	if ended == nil {
		return
	}
	k.Refused(ended.kind)
	switch {
	case a.begun:
		outer, ok := r.Context().Value(endingKey{}).(*ending)
		if !ok {
			panic(http.ErrAbortHandler)
		}
		outer.cut = true
	default:
		ended.tell(k.Refuse, w, r)
	}
}

// answer is a response whose handler may be ended. What the handler says afterwards is dropped.
type answer struct {
	http.ResponseWriter
	work  *work
	ctx   context.Context
	end   context.CancelCauseFunc
	slot  *slot
	timer *time.Timer // ends the request if nothing comes; nil: never
	sent  int64
	begun bool // the header is on its way

	writing atomic.Bool // the reader is waited for
}

// giveWay ends the request wherever it is, also in a Write that no reader takes.
func (a *answer) giveWay(cause error) {
	a.end(cause)
	if a.writing.Load() {
		// In the past: whoever writes is woken up. Without deadlines the server's own limits hold.
		_ = http.NewResponseController(a.ResponseWriter).SetWriteDeadline(time.Unix(1, 0))
	}
}

// ended returns why the request was ended here, or nil if it was not.
func (a *answer) ended() *refusal {
	if a.ctx.Err() == nil {
		return nil
	}
	var why *refusal
	errors.As(context.Cause(a.ctx), &why)
	return why
}

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) {
	if a.ended() != nil && !a.begun {
		return
	}
	a.begun = a.begun || status >= http.StatusOK
	a.ResponseWriter.WriteHeader(status)
}

// Write implements io.Writer. The time that the reader takes is not counted as waiting for content.
func (a *answer) Write(b []byte) (int, error) {
	if why := a.ended(); why != nil {
		return 0, why
	}
	if most := a.work.MaxBytes; most > 0 && a.sent+int64(len(b)) > most {
		a.end(a.work.tooLong)
		return 0, a.work.tooLong
	}
	if !a.begun {
		a.begun = true
		retrieval.StateFromContext(a.ctx).SetPhase(retrieval.PhaseDataRetrieval)
	}
	if a.timer != nil {
		a.timer.Stop()
		defer a.timer.Reset(a.work.Retrieval)
	}
	a.writing.Store(true)
	n, err := a.ResponseWriter.Write(b)
	a.writing.Store(false)
	a.sent += int64(n)
	a.slot.touch()
	return n, err
}

// Flush implements http.Flusher.
func (a *answer) Flush() {
	if a.ended() == nil {
		a.begun = true
		_ = http.NewResponseController(a.ResponseWriter).Flush() // who is gone is noticed by the next Write
	}
}

// Unwrap is for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

type workKey struct{}

// cut ends the request of ctx: with a status if its answer has not begun, else so that nobody takes it for complete. The
// content handler alone would end it as if all had been sent.
func cut(ctx context.Context, kind Kind, status int, why error) {
	if end, ok := ctx.Value(workKey{}).(context.CancelCauseFunc); ok {
		end(&refusal{kind: kind, status: status, reason: why.Error()})
	}
}
