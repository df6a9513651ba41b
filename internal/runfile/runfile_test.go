package runfile

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gofrs/flock"
)

func announce(t *testing.T, dir string, p Peer) *Entry {
	t.Helper()
	e, err := Announce(dir, p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

// Peers are found in the order of their names while they run, and not afterwards.
func TestFindWhatRuns(t *testing.T) {
	dirs := []string{filepath.Join(t.TempDir(), "run"), t.TempDir()}
	two := Peer{Name: "two", DataDir: "/2", API: "http://127.0.0.1:2", PID: 2, Cluster: "c"}
	one := Peer{Name: "one", DataDir: "/1", API: "http://127.0.0.1:1", PID: 1, Cluster: "c"}
	second := announce(t, dirs[0], two)
	announce(t, dirs[1], one)
	if got := Find(dirs); !slices.Equal(got, []Peer{one, two}) {
		t.Errorf("found %v", got)
	}
	if _, err := Announce(dirs[0], two); err == nil {
		t.Error("two processes announce one peer")
	}
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	if got := Find(dirs); !slices.Equal(got, []Peer{one}) {
		t.Errorf("after one has ended: %v", got)
	}
	announce(t, dirs[0], two) // starts again
	if got := Find(dirs); len(got) != 2 {
		t.Errorf("after it has started again: %v", got)
	}
}

// A peer that was killed leaves its file, which counts for nothing; nor does one that makes no sense, or one in a
// directory where others can write.
func TestFindPassesOverWhatIsOfNoUse(t *testing.T) {
	dir := t.TempDir()
	killed := announce(t, dir, Peer{Name: "killed", DataDir: "/k", API: "http://127.0.0.1:1"})
	if err := killed.lock.Unlock(); err != nil { // as the end of a process does
		t.Fatal(err)
	}
	bad := filepath.Join(dir, "bad"+suffix)
	if err := os.WriteFile(bad, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	lock := flock.New(bad + lockExt)
	if err := lock.Lock(); err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if got := Find([]string{dir, filepath.Join(dir, "absent")}); len(got) != 0 {
		t.Errorf("found %v", got)
	}

	open := t.TempDir()
	announce(t, open, Peer{Name: "runs", DataDir: "/r", API: "http://127.0.0.1:1"})
	if got := Find([]string{open}); len(got) != 1 {
		t.Fatalf("found %v", got)
	}
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	if got := Find([]string{open}); len(got) != 0 {
		t.Errorf("found %v where anybody can write", got)
	}
}

func TestDirs(t *testing.T) {
	env := map[string]string{"HOME": "/home/a", "XDG_RUNTIME_DIR": "/run/user/1"}
	getenv := func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	if got := Dirs(getenv); !slices.Equal(got, []string{"/run/user/1/underlay", "/home/a/.cache/underlay/run"}) {
		t.Errorf("got %v", got)
	}
	env["XDG_RUNTIME_DIR"] = ""
	delete(env, "HOME")
	if got := Dirs(getenv); len(got) != 0 {
		t.Errorf("without a place of the user's own: %v", got)
	}
}
