package gateway

import "net/http"

// acceptTunnels answers CONNECT, with which clients begin that use the gateway as their HTTP proxy. The tunnel ends here:
// what comes through it are further requests on the same connection, for whatever hosts they name, and they are served as
// all others. Nothing is connected to elsewhere.
func acceptTunnels(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodConnect && r.ProtoMajor == 1 { // from HTTP/2 on, a tunnel is a stream of its own
			w.WriteHeader(http.StatusOK)
			return
		}
		next.ServeHTTP(w, r)
	})
}
