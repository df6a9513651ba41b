package member

import (
	"fmt"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/underlay/underlay/proxy/proxytest"
)

// newAddressedPair serves what one member serves, with another that serves handler.
func newAddressedPair(t *testing.T, handler http.HandlerFunc) (here *proxytest.Serving, self, other proxytest.Member) {
	t.Helper()
	n := proxytest.NewNetwork()
	self, other = n.Join(t, "here"), n.Join(t, "there")
	logger := slog.New(slog.DiscardHandler)
	l := proxytest.Listen(t)
	proxytest.Serve(t, l, Address(other, Named, handler, http.NotFoundHandler(), logger), time.Second)
	n.Reach(other, l.Addr().String())
	alone := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "alone") })
	cluster := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "cluster") })
	return proxytest.Serve(t, proxytest.Listen(t), Address(self, Named, alone, cluster, logger), time.Second), self, other
}

// unreached is a handler that no request may come to.
func unreached(t *testing.T) http.HandlerFunc {
	return func(http.ResponseWriter, *http.Request) { t.Error("the other peer is asked") }
}
