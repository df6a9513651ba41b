// Package apidiff compares the answers that two programs give to the same requests, field by field, and keeps the
// ledger of what may differ. The suites that compare our APIs with those of others use it: internal/rpcdiff with kubo,
// internal/restdiff with IPFS Cluster. It knows nothing of how a request is made.
//
// An [Answer] is what a request got, taken apart into named fields. [Compare] lists the fields that differ, inside JSON
// bodies too; [Judge] tells which of these are not in a suite's table of [Difference]s, and which entries of the table
// differ no longer.
package apidiff
