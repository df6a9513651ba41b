// Package access decides who may use the private APIs. A Guard stands before their handlers, of which it knows nothing but a
// table: which scope a route or command needs. Credentials are small values of the replicated state, the same on all peers.
//
// Promise: a request reaches a handler only with a credential that holds and has the scope, once any credential exists; a
// credential that was revoked, on whatever peer, is refused on all of them as soon as the revocation is acknowledged, and what
// it was let in for ends when its peer hears of that; what has no end of its own ends when the credential expires; no secret
// is stored, logged or passed on to the handlers. What is pinned for a credential with a quota counts for it.
//
// Not promised: that a request which ends by itself ends when its credential expires.
//
// Start at Guard.Wrap; Registry says how a check costs no round trip and still misses no revocation.
package access
