// Package limits keeps a public gateway usable while somebody tries to hurt it.
//
// Promise: one client, however it behaves, takes a bounded share of the gateway; what a request costs is bounded; and a
// request that is refused costs next to nothing, no memory that stays in particular. Who is refused is told why, and when
// to come again.
//
// There are two layers. Clients stands outside: it looks at what a request is like, counts requests by client, and has
// readers keep a least pace. Work stands around what is expensive, behind any cache: it bounds how many requests work at
// once and how long each of them may wait for content. When all places are taken, a request that is stuck gives way
// to a new one, first those of the client that has the most, so that requests for content that nobody has do not keep out
// others.
//
// Not promised: anything about connections on which no request has come yet. The server bounds those.
//
// Start reading at Clients and Work.
package limits
