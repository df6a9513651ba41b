package metrics

import (
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Requests counts HTTP requests by the API that they came to.
type Requests struct {
	total    *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	bytes    *prometheus.CounterVec
	inFlight *prometheus.GaugeVec
}

// NewRequests registers what is counted.
func NewRequests(to prometheus.Registerer) *Requests {
	q := &Requests{
		total: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "underlay_http_requests_total",
			Help: "Requests that were answered, by API, handler, method and class of status; the class is aborted if the answer was cut.",
		}, []string{"api", "handler", "method", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "underlay_http_request_duration_seconds", Help: "Time from a request's header to the end of its answer.",
			Buckets: []float64{.001, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 60},
		}, []string{"api", "handler"}),
		bytes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "underlay_http_response_bytes_total", Help: "Bytes of the bodies of answers.",
		}, []string{"api"}),
		inFlight: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "underlay_http_requests_in_flight", Help: "Requests that are being answered.",
		}, []string{"api"}),
	}
	to.MustRegister(q.total, q.seconds, q.bytes, q.inFlight)
	return q
}

// Route says what a request is counted as. Both must come from a table, never from the request.
type Route func(*http.Request) (api, handler string)

// Wrap counts what next answers.
func (q *Requests) Wrap(route Route, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		api, handler := route(r)
		method := methodOf(r)
		inFlight := q.inFlight.WithLabelValues(api)
		inFlight.Inc()
		a := &answer{ResponseWriter: w}
		class := "aborted" // unless the handler returns
		defer func() {
			inFlight.Dec()
			q.bytes.WithLabelValues(api).Add(float64(a.bytes))
			q.total.WithLabelValues(api, handler, method, class).Inc()
			q.seconds.WithLabelValues(api, handler).Observe(time.Since(began).Seconds())
		}()
		next.ServeHTTP(a, r)
		class = a.class()
	})
}

// Expect makes the series of successful requests of a route be there before the first one comes, so that their absence shows.
func (q *Requests) Expect(api, handler, method string) {
	q.total.WithLabelValues(api, handler, method, "2xx")
}

// methodOf is the method if it is one of HTTP's own.
func methodOf(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return r.Method
	}
	return "other"
}

// answer is a response that is counted.
type answer struct {
	http.ResponseWriter
	status int // 0: nothing is sent yet
	bytes  int64
}

func (a *answer) class() string {
	if a.status == 0 {
		return "2xx" // the server says 200 for a handler that says nothing
	}
	return strconv.Itoa(a.status/100) + "xx"
}

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) {
	if a.status < http.StatusOK { // those below announce another one
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

// Write implements io.Writer.
func (a *answer) Write(b []byte) (int, error) {
	n, err := a.ResponseWriter.Write(b)
	a.wrote(int64(n))
	return n, err
}

// ReadFrom implements io.ReaderFrom, by which the server copies without a buffer of its own.
func (a *answer) ReadFrom(from io.Reader) (int64, error) {
	n, err := io.Copy(a.ResponseWriter, from)
	a.wrote(n)
	return n, err
}

func (a *answer) wrote(n int64) {
	a.bytes += n
	if a.status < http.StatusOK {
		a.status = http.StatusOK
	}
}

// Flush implements http.Flusher, which kubo looks for.
func (a *answer) Flush() { _ = http.NewResponseController(a.ResponseWriter).Flush() }

// Unwrap lets http.ResponseController reach what is below.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
