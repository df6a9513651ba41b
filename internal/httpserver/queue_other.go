//go:build !linux

package httpserver

import "errors"

// ignoreNew is not known here.
func ignoreNew(queued) error { return errors.ErrUnsupported }

// waiting tells whether a connection waits to be accepted, which is not known here.
func waiting(queued) bool { return false }
