package limits

import (
	"context"
	"net/http"
	"net/netip"
	"time"
)

// ClientOptions bound what one client may do. A bound of 0 is none, where it does not say otherwise.
type ClientOptions struct {
	// Client tells by whom a request is counted, and whether it is counted at all.
	Client func(r *http.Request) (key netip.Addr, counted bool)

	Rate       float64 // requests a second, on average
	Burst      int     // requests that may come at once
	Concurrent int     // requests in progress

	PathLength int // of the address in bytes; required
	PathDepth  int // parts of the path; required

	LeastPace float64       // bytes a second that a reader takes on the whole
	Grace     time.Duration // how long a reader may pause; required with LeastPace

	Refuse  Refuse     // nil: Plain
	Refused func(Kind) // is told of each refusal; nil: nobody is
}

// Clients lets requests through to next as long as each client keeps within its bounds: 400, 414, or 429 with the time to
// come again. A reader below the least pace is cut off.
func Clients(o ClientOptions, next http.Handler) http.Handler {
	if o.Refuse == nil {
		o.Refuse = Plain
	}
	if o.Refused == nil {
		o.Refused = nobody
	}
	return &clients{ClientOptions: o, shape: shape{o.PathLength, o.PathDepth}, tally: newTally(o.Rate, o.Burst, o.Concurrent), next: next}
}

type clients struct {
	ClientOptions
	shape shape
	tally *tally
	next  http.Handler
}

// ServeHTTP implements http.Handler.
func (c *clients) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	boundBody(w, r)
	if refused := c.shape.check(r); refused != nil {
		c.refuse(refused, w, r)
		return
	}
	if key, counted := c.Client(r); counted {
		v, refused := c.tally.enter(key, time.Now())
		if refused != nil {
			c.refuse(refused, w, r)
			return
		}
		defer c.tally.leave(v)
	}
	if c.LeastPace > 0 {
		p := &paced{ResponseWriter: w, rate: c.LeastPace, grace: c.Grace, credit: c.Grace}
		defer p.end()
		w = p
	}
	end := new(ending)
	c.next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), endingKey{}, end)))
	if end.cut {
		panic(http.ErrAbortHandler)
	}
}

func (c *clients) refuse(refused *refusal, w http.ResponseWriter, r *http.Request) {
	c.Refused(refused.kind)
	refused.tell(c.Refuse, w, r)
}

// ending lets the inner layer cut a response from out here: the handler of host names between them takes every panic for a
// fault and ends the response as if it were complete.
type ending struct{ cut bool }

type endingKey struct{}
