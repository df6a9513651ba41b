// Package request follows a request through the cluster: by an identity that stands in the logs of all peers that have to do
// with it, and by the spans of a trace if traces are recorded.
//
// Promise: a request keeps the identity that a load balancer or a client gave it (X-Request-Id, X-Amzn-Trace-Id, traceparent, in
// this order) as long as that is short and of harmless characters; else it gets one. The answer names it. Where nothing is
// traced, [Start] costs the look-up of a value in the context, and allocates nothing.
//
// Start reading at [Handler]: what it puts into the context of a request goes to other peers with [Transport], or in the form
// that [Pack] gives it.
package request
