//go:build !linux

package raftstore

import "os"

// swap puts file a in the place of b in one atomic step. a is gone afterwards.
func swap(a, b string) error { return os.Rename(a, b) }
