package fault

import (
	"encoding/json"
	"net/http"

	"github.com/ipfs-cluster/ipfs-cluster/api"
)

// WriteREST answers with an error in the REST API's form.
func WriteREST(w http.ResponseWriter, status int, err error) {
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", RetryAfter)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(api.Error{Code: status, Message: err.Error()}) // the client is gone if this fails
}
