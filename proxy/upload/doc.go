// Package upload keeps requests with long bodies safe: a body must not stand still, and an answer that a proxy on the way
// could mistake for the end of the request is kept back.
//
// Start reading at [Guard] and [Streams].
package upload
