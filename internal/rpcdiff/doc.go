// Package rpcdiff proves that the RPC API is kubo's: it sends the same requests to a plain kubo daemon, built from the
// version that we embed, and to clusters of our peers, and compares status, headers, trailers, bodies and effects. It
// holds tests only; `make test-rpc` runs them. internal/apidiff has the comparison.
//
// A case ([testCase]) is data: a name and steps, each a request with what to capture from its answer and what in it may
// vary. The cases stand in tables, one file for each family of commands. What remains different is listed once, in
// differences_test.go, with a reason; an entry that no longer differs fails the test. So does a command, or an option
// of the commands that a cluster changes, that no case uses (coverage_test.go).
//
// docs/contributing.md says how to add a case.
package rpcdiff
