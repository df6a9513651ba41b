// Package rest is the cluster's REST API: that of IPFS Cluster, with some additions, which docs/openapi.yaml describes.
//
// Promise: the command line tool and the client libraries of IPFS Cluster work unchanged. Not promised: authorization, which
// package access does in front of it, and limits on sizes and times, which belong to the server around it.
//
// Start reading at [New] and the table of routes below it.
package rest
