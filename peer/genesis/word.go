package genesis

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"github.com/libp2p/go-libp2p/core/peer"
)

// Word is what a peer has given its word for, and what it has heard from the others. Its methods may be called from any
// goroutine.
type Word struct {
	self  peer.ID
	file  string
	write func(file string, data []byte) error

	mu    sync.Mutex
	own   Set // empty: it has not given its word
	heard map[peer.ID]Set
}

// stored is the form of the file.
type stored struct {
	Members []string `json:"members"`
}

// Open reads the word of the peer from a file, which need not be there. write must keep a file safe before it returns: a
// crash leaves the old content or the new.
func Open(file string, self peer.ID, write func(file string, data []byte) error) (*Word, error) {
	w := &Word{self: self, file: file, write: write, heard: make(map[peer.ID]Set)}
	raw, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return w, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the first members of the cluster: %w", err)
	}
	if w.own, err = decode(raw); err != nil {
		return nil, fmt.Errorf("read the first members of the cluster from %s: %w", file, err)
	}
	return w, nil
}

func decode(raw []byte) (Set, error) {
	var in stored
	if err := json.Unmarshal(raw, &in); err != nil {
		return nil, err
	}
	return parse(in.Members)
}

func (s Set) encode() ([]byte, error) { return json.Marshal(stored{s.texts()}) }

// Given is the set that this peer has given its word for; empty: none.
func (w *Word) Given() Set {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.own
}

// Give gives the word for a set, unless it was given before: then that one stays. It returns the set that it is given for.
func (w *Word) Give(set Set) (Set, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.own) > 0 {
		return w.own, nil
	}
	return w.own, w.give(set)
}

func (w *Word) give(set Set) error {
	raw, err := set.encode()
	if err == nil {
		err = w.write(w.file, raw)
	}
	if err != nil {
		return fmt.Errorf("keep the first members of the cluster: %w", err)
	}
	w.own = set
	return nil
}

// Hear takes note of the set that another peer has given its word for, and gives this peer's word for it when there is reason
// to: it has not given its word before, or for a set that can no longer be founded, since the other is in it and has given its
// word for a lower one.
func (w *Word) Hear(from peer.ID, theirs Set) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(theirs) == 0 || from == w.self {
		return nil
	}
	w.heard[from] = theirs
	lost := w.own.Has(from) && theirs.before(w.own)
	if (len(w.own) == 0 || lost) && theirs.Has(w.self) {
		return w.give(theirs)
	}
	return nil
}

// Missing lists the members of the set of this peer from which it has not heard that they have given their word for it. The
// cluster may be founded when the word is given and nobody is missing.
func (w *Word) Missing() (missing []peer.ID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, id := range w.own {
		if id != w.self && !w.heard[id].Equal(w.own) {
			missing = append(missing, id)
		}
	}
	return missing
}
