// Package swap exchanges blocks between the nodes of a cluster: an IPFS exchange that asks the other members' nodes before
// the wider network, over one stream on which many requests are under way.
//
// Promise: what a member that can be reached has is found without waiting for the wider network, and what none has is asked
// of the wider network after one round trip. A block is handed out only if its content hashes to its CID. A member that
// is down, slow or wrong costs a bounded time, once, and then is left out for a while. Only members are served.
//
// Not promised: that a member which gets a block later on is asked again; the wider network's exchange hears of that.
//
// Start reading at exchange.go; wire.go has the protocol, link.go one member's streams.
package swap
