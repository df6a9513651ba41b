package hot

import (
	"math"
	"runtime/debug"
)

const (
	// memoryShare is the part of the memory that a cache takes unless it is told otherwise: 256 MiB of 4 GiB.
	memoryShare = 16
	// mostMemory is what it takes at most by itself.
	mostMemory = 1 << 30
)

// DefaultMemory is a sixteenth of what the process may use, or of what the machine has if nothing limits the process, and
// at most 1 GiB.
func DefaultMemory() int64 {
	limit := debug.SetMemoryLimit(-1) // only asks
	if limit == math.MaxInt64 {
		limit = physicalMemory()
	}
	return min(limit/memoryShare, mostMemory)
}
