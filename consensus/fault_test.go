package consensus

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// Whatever happens to a byte of a peer's files, it opens with exactly the state
// it had, or not at all, with an error that names the directory or file. A state
// that another peer would bring up to date is not enough here: there is none.
func TestDamagedFilesAreFoundOut(t *testing.T) {
	pristine, opts, want := damagedPeer(t)
	faults, sound, refused := 0, 0, 0
	for _, name := range peerFiles(t, pristine) {
		for _, at := range faultOffsets(t, filepath.Join(pristine, name)) {
			for _, cut := range []bool{false, true} {
				opts.Dir = filepath.Join(t.TempDir(), "peer")
				if err := os.CopyFS(opts.Dir, os.DirFS(pristine)); err != nil {
					t.Fatal(err)
				}
				damageFile(t, filepath.Join(opts.Dir, name), at, cut)
				faults++
				got, err := readDamaged(t, opts)
				switch {
				case err == nil && got == want:
					sound++
				case err == nil:
					t.Errorf("%s, byte %d, cut %v: another state was read without an error", name, at, cut)
				case !strings.Contains(err.Error(), opts.Dir):
					t.Errorf("%s, byte %d, cut %v: the error names no file: %v", name, at, cut, err)
				default:
					refused++
				}
				if err := os.RemoveAll(opts.Dir); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	t.Logf("%d faults: %d without effect on the state, %d refused", faults, sound, refused)
}

// damagedPeer fills a peer's directory with files of every kind: tables,
// manifest, snapshot, several files of the log, entries after the snapshot.
func damagedPeer(t *testing.T) (dir string, o Options, want string) {
	t.Helper()
	tc := startCluster(t, 1, func(o *Options) { o.SegmentBytes, o.TrailingEntries = 8192, 20 })
	m := tc.peers[0]
	for i := range 60 {
		p := plainPin(i)
		p.Name = "name"
		mustCommit(t, m, PinOp(p), SetMemberOp(testPeer(i%3), []byte{byte(i)}))
		if i == 40 {
			if err := m.raft.Snapshot().Error(); err != nil {
				t.Fatal(err)
			}
			m.stop()
			m.start()
			tc.awaitReady()
		}
	}
	want = dump(t, m.Consensus)
	m.stop()
	return m.opts.Dir, m.opts, want
}

func peerFiles(t *testing.T, dir string) []string {
	t.Helper()
	var names []string
	err := fs.WalkDir(os.DirFS(dir), ".", func(p string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && filepath.Base(p) != "meta.spare" {
			names = append(names, p)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// faultOffsets returns where to damage a file: a sample, or with FAULT_ALL many
// places.
func faultOffsets(t *testing.T, path string) []int {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	size := len(strings.TrimRight(string(b), "\x00"))
	places := 5
	if os.Getenv("FAULT_ALL") != "" {
		places = 100
	}
	r := rand.New(rand.NewPCG(uint64(size), 1)) //nolint:gosec // repeatable on purpose
	var all []int
	for i := range min(places, size) {
		first, end := i*size/places, max((i+1)*size/places, i*size/places+1)
		all = append(all, min(size-1, first+r.IntN(end-first)))
	}
	return all
}

func damageFile(t *testing.T, path string, at int, cut bool) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if cut {
		b = b[:at]
	} else {
		b[at] ^= 1 << (at % 8)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// readDamaged opens a peer and reads its whole state.
func readDamaged(t *testing.T, o Options) (state string, err error) {
	t.Helper()
	var mu sync.Mutex
	var fatal []error
	o.Fatal = func(err error) {
		mu.Lock()
		defer mu.Unlock()
		fatal = append(fatal, err)
	}
	c, err := Open(o)
	if err != nil {
		return "", err
	}
	defer func() {
		mu.Lock()
		defer mu.Unlock()
		// Closing writes what is left to write, which may find the damage too.
		err = errors.Join(append(fatal, err, c.Close())...)
	}()
	select {
	case <-c.Ready(t.Context()):
	case <-time.After(10 * time.Second):
		return "", errors.New("the peer did not become ready")
	}
	var b strings.Builder
	err = c.machine.Backup(&b)
	return b.String(), err
}
