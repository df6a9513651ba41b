package member

import "net/http"

// Handler serves what the other members ask of this peer: rpc is the part of the RPC API that is for them, rest the REST API.
func Handler(rpc, rest http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle(ConsensusPath, rest)
	mux.Handle("/", rpc)
	return mux
}
