package policy

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
)

const (
	// recentPlaces is how much is remembered: a power of two.
	recentPlaces = 4096
	// recentBytes is the longest text that is remembered, which bounds the memory that strangers can take.
	recentBytes = 512
)

// recent remembers texts that were added lately. Any goroutine may use it; the zero value is empty.
type recent struct {
	once   sync.Once
	seed   maphash.Seed
	places [recentPlaces]atomic.Pointer[string]
}

func (r *recent) place(text string) *atomic.Pointer[string] {
	r.once.Do(func() { r.seed = maphash.MakeSeed() })
	return &r.places[maphash.String(r.seed, text)%recentPlaces]
}

func (r *recent) has(text string) bool {
	known := r.place(text).Load()
	return known != nil && *known == text
}

func (r *recent) add(text string) {
	if len(text) <= recentBytes {
		r.place(text).Store(&text)
	}
}
