package vitals

// Links is to whom a peer and its node are connected, by their IDs.
type Links struct {
	Peers []string `json:"peers"` // the other members on the private network
	Node  string   `json:"node"`  // the ID of the peer's node
	Swarm []string `json:"swarm"` // everybody that the node is connected to
}
