package restdiff

import "github.com/underlay/underlay/internal/apidiff"

// differences is the table of everything that is not as in the stock cluster, each with its reason. A difference counts for
// the first entry that covers it.
func differences() []apidiff.Difference {
	return nil
}
