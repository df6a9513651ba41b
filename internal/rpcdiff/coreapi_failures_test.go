package rpcdiff

// coreAPIFailures are the tests of kubo's suite that fail on our peers, and why.
func coreAPIFailures() map[string]string {
	const self = "the client takes the peer's id for self, which is one key for the whole cluster"
	return map[string]string{
		"Key/TestListSelf":                                   self,
		"Name/TestBasicPublishResolveTimeout":                self,
		"Name/TestPublishResolve/default/basic":              self,
		"Name/TestPublishResolve/default/publishPath":        self,
		"Name/TestPublishResolve/default/publishRevolvePath": self,
		"Name/TestPublishResolve/default/revolvePath":        self,
		"Name/TestPublishResolve/nocache/basic":              self,
		"Name/TestPublishResolve/nocache/publishPath":        self,
		"Name/TestPublishResolve/nocache/publishRevolvePath": self,
		"Name/TestPublishResolve/nocache/revolvePath":        self,
		"Routing/TestRoutingFindPeer":                        "it wants exactly one address; our nodes listen on TCP and on QUIC",
		"Routing/TestRoutingPutOffline":                      "a peer has no offline mode, in which it would refuse",
	}
}
