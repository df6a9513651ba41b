// Package pinstatus is where the peers of a cluster stand with a pin: as the REST API shows it, which is as IPFS Cluster
// does and how far those are that fetch it, and in short for whoever waits until a pin is held.
package pinstatus

import "github.com/ipfs-cluster/ipfs-cluster/api"

// Progress is what a peer has fetched of a pin since it began.
type Progress struct {
	Nodes int    `json:"nodes"`
	Bytes uint64 `json:"bytes"`
}

// Status is where all peers stand with a pin.
type Status struct {
	api.GlobalPinInfo
	Progress map[string]Progress // by peer ID, of those that fetch it
}
