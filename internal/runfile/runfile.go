// Package runfile lets the command line find the peers that its user runs on this machine: each peer keeps a small file
// that says where its API is, locked while it runs. A file that is not locked is of a peer that was killed.
package runfile

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gofrs/flock"
)

// Peer is what a peer says about itself.
type Peer struct {
	Name    string `json:"name"`
	DataDir string `json:"data_dir"`
	API     string `json:"api"` // URL
	PID     int    `json:"pid"`
	// Cluster is equal for peers that share a secret, which it does not tell.
	Cluster string `json:"cluster"`
}

const (
	suffix  = ".json"
	lockExt = ".lock"
)

// Dirs lists the directories in which the files of the user are, the one to write to first: that of the login session,
// which ends with the machine's run, then the cache. It is empty for a user who has neither.
func Dirs(getenv func(string) (string, bool)) []string {
	var dirs []string
	for _, d := range []struct{ variable, below string }{
		{"XDG_RUNTIME_DIR", "underlay"},
		{"HOME", filepath.Join(".cache", "underlay", "run")},
	} {
		if base, ok := getenv(d.variable); ok && filepath.IsAbs(base) {
			dirs = append(dirs, filepath.Join(base, d.below))
		}
	}
	return dirs
}

// Entry is the file of a peer that runs.
type Entry struct {
	path string
	lock *flock.Flock
}

// errTaken says that another process runs the same peer.
var errTaken = errors.New("another process runs this peer")

// Announce writes the file of a peer. Close removes it.
func Announce(dir string, p Peer) (*Entry, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make directory of running peers: %w", err)
	}
	path := filepath.Join(dir, fileName(p))
	lock := flock.New(path+lockExt, flock.SetPermissions(0o600))
	if err := acquire(lock); err != nil {
		return nil, fmt.Errorf("announce the peer in %s: %w", dir, err)
	}
	e := &Entry{path: path, lock: lock}
	if err := write(path, p); err != nil {
		return nil, errors.Join(fmt.Errorf("announce the peer in %s: %w", dir, err), e.Close())
	}
	return e, nil
}

// acquire takes the lock; whoever looks whether it is free has it for a moment.
func acquire(lock *flock.Flock) error {
	ctx, cancel := context.WithTimeoutCause(context.Background(), 300*time.Millisecond, errTaken)
	defer cancel()
	if _, err := lock.TryLockContext(ctx, 20*time.Millisecond); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		return err
	}
	return nil
}

// fileName is the same for every run of a peer.
func fileName(p Peer) string {
	sum := sha256.Sum256([]byte(p.DataDir))
	return hex.EncodeToString(sum[:8]) + suffix
}

// write lets readers see all of the file or nothing.
func write(path string, p Peer) error {
	raw, err := json.Marshal(p)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".tmp", append(raw, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".tmp", path)
}

// Close removes the file. It may be called twice. The lock file stays: removing it could take it from a peer that starts.
func (e *Entry) Close() error {
	err := os.Remove(e.path)
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, e.lock.Close())
}

// Find lists the peers that run, in the order of their names. What cannot be read, or belongs to another user, is
// passed over: it is of no use.
func Find(dirs []string) []Peer {
	var found []Peer
	for _, dir := range dirs {
		if !private(dir) {
			continue
		}
		paths, _ := filepath.Glob(filepath.Join(dir, "*"+suffix)) // the pattern is well formed
		for _, path := range paths {
			if p, ok := read(path); ok {
				found = append(found, p)
			}
		}
	}
	slices.SortStableFunc(found, func(a, b Peer) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.API, b.API)) })
	return found
}

// read returns what a file says, if its peer runs.
func read(path string) (Peer, bool) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return Peer{}, false
	}
	p, ok := parse(raw)
	if !ok {
		return p, false
	}
	lock := flock.New(path+lockExt, flock.SetFlag(os.O_RDONLY))
	free, err := lock.TryRLock()
	if err != nil || free {
		_ = lock.Close() // the peer is gone
		return p, false
	}
	return p, true
}

// parse reads the content of a file. A peer without an API is of no use.
func parse(raw []byte) (p Peer, ok bool) {
	err := json.Unmarshal(raw, &p)
	return p, err == nil && p.API != ""
}
