// Package ranges answers requests for several byte ranges of one thing in one response, in front of a handler that serves
// a single range a request, as boxo's gateway does.
//
// It promises the multipart/byteranges of RFC 9110, section 14: one part for each range that the content has, in the order
// of the request; a single range without parts when only one is left; everything when the ranges together are more than
// that. Preconditions are the handler's: what it answers to them is passed on.
//
// Not promised: that ranges are joined or sorted, and any care for a request with a single range, which passes untouched.
//
// Start reading at New.
package ranges
