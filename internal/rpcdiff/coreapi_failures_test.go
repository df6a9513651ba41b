package rpcdiff

// coreAPIFailures are the tests of kubo's suite that fail on our peers, and why.
func coreAPIFailures() map[string]string {
	return map[string]string{
		"Routing/TestRoutingFindPeer":   "it wants exactly one address; our nodes listen on TCP and on QUIC",
		"Routing/TestRoutingPutOffline": "a peer has no offline mode, in which it would refuse",
	}
}
