// Package discover finds the addresses at which other peers may be: from a list, a file, the DNS, or somebody else's
// inventory.
//
// Promise: an address is only a place to ask. Who is there, and whether it belongs to the cluster, is found out by a
// handshake that proves the cluster's secret; so a wrong or old answer does no harm.
//
// Start reading at [Parse].
package discover
