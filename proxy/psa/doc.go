// Package psa serves the IPFS Pinning Service API, version 1.0.0, on a cluster.
//
// A request to pin is a record of its own, with its own id and time. The records are values of the replicated state, so
// every peer answers the same, and what was acknowledged survives whatever the pinset survives. A request and the pin
// that it asks for are committed together, and so are the end of a request and, if no other one wants the CID, the end of
// the pin.
//
// A pin belongs to the service if the service has made it and nobody has pinned the CID again since through another API.
// Any other pin is used by requests as it is, and stays when they end. When a pin is removed through another API, the
// requests for its CID stay, and have failed, until the CID is pinned again.
//
// Start at service.go. What is stored is described in record.go and claim.go, how requests come and go in change.go, how
// they are listed in list.go, what becomes of them in status.go.
package psa
