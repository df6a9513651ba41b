package meter

import (
	"cmp"
	"net/http"
	"strings"

	"github.com/underlay/underlay/gateway"
	"github.com/underlay/underlay/proxy/access"
)

// Names of the APIs, as labels.
const (
	apiGateway = "gateway"
	apiRPC     = "rpc"
	apiREST    = "rest"
	apiPSA     = "psa"
)

// psaPath is where the pinning service is on a listener that it shares.
const psaPath = "/psa"

// Gateway counts the requests that come to the gateway.
func (m *Meter) Gateway(next http.Handler) http.Handler {
	return m.requests.Wrap(func(r *http.Request) (api, handler string) { return apiGateway, gateway.Route(r) }, next)
}

// Private counts the requests that come to a private listener, by the tables of who may send them.
func (m *Meter) Private(tables *access.Guard, next http.Handler) http.Handler {
	return m.requests.Wrap(func(r *http.Request) (api, handler string) {
		return privateAPI(r.URL.Path), cmp.Or(tables.Route(r.Method, r.URL.Path), "other")
	}, next)
}

// Pinning counts the requests that come to the listener of the pinning service.
func (m *Meter) Pinning(tables *access.Guard, next http.Handler) http.Handler {
	return m.requests.Wrap(func(r *http.Request) (api, handler string) {
		return apiPSA, cmp.Or(tables.Route(r.Method, psaPath+r.URL.Path), "other")
	}, next)
}

func privateAPI(path string) string {
	switch {
	case strings.HasPrefix(path, "/api/v0/"):
		return apiRPC
	case strings.HasPrefix(path, psaPath+"/"):
		return apiPSA
	}
	return apiREST
}
