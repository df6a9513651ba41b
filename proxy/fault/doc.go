// Package fault says how the private APIs answer an error: one mapping from errors to HTTP statuses for all of them, and the
// error forms that more than one of them writes.
//
// Start reading at [Status].
package fault
