package blockfiles

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/query"
	flatfs "github.com/ipfs/go-ds-flatfs"
)

func openStore(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() }) // closing twice does no harm
	return s
}

func key(name string) datastore.Key {
	return datastore.NewKey("CIQ" + strings.ToUpper(strings.NewReplacer(" ", "", "0", "O", "1", "I").Replace(name)))
}

// content is what the block with this key has in it.
func content(k datastore.Key, size int) []byte {
	unit := []byte(k.String() + "|")
	return bytes.Repeat(unit, size/len(unit)+1)[:size]
}

func put(t testing.TB, s *Store, k datastore.Key, size int) {
	t.Helper()
	if err := s.Put(t.Context(), k, content(k, size)); err != nil {
		t.Fatalf("put %s: %v", k, err)
	}
}

func syncNow(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Sync(t.Context(), datastore.Key{}); err != nil {
		t.Fatal(err)
	}
}

// check fails the test unless exactly the blocks of want, by their sizes, are here by every way to ask.
func check(t testing.TB, s *Store, want map[datastore.Key]int, absent ...datastore.Key) {
	t.Helper()
	for k, size := range want {
		has, err := s.Has(t.Context(), k)
		got, errGet := s.Get(t.Context(), k)
		n, errSize := s.GetSize(t.Context(), k)
		if !has || errors.Join(err, errGet, errSize) != nil || n != size || !bytes.Equal(got, content(k, size)) {
			t.Errorf("%s: here %t, %d bytes, size %d of %d, %v", k, has, len(got), n, size, errors.Join(err, errGet, errSize))
		}
	}
	for _, k := range absent {
		has, err := s.Has(t.Context(), k)
		_, errGet := s.Get(t.Context(), k)
		_, errSize := s.GetSize(t.Context(), k)
		if has || err != nil || !errors.Is(errGet, datastore.ErrNotFound) || !errors.Is(errSize, datastore.ErrNotFound) {
			t.Errorf("absent %s: here %t, %v, %v, %v", k, has, err, errGet, errSize)
		}
	}
	if got := list(t, s, query.Query{}); !maps.Equal(got, want) {
		t.Errorf("listed are %v instead of %v", got, want)
	}
	if got := list(t, s, query.Query{KeysOnly: true, ReturnsSizes: true}); !maps.Equal(got, want) {
		t.Errorf("listed with sizes are %v instead of %v", got, want)
	}
}

func list(t testing.TB, s *Store, q query.Query) map[datastore.Key]int {
	t.Helper()
	results, err := s.Query(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	entries, err := results.Rest()
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[datastore.Key]int)
	for _, e := range entries {
		k := datastore.RawKey(e.Key)
		if _, twice := got[k]; twice {
			t.Errorf("%s is listed twice", k)
		}
		if !q.KeysOnly && !bytes.Equal(e.Value, content(k, e.Size)) {
			t.Errorf("%s is listed with other content", k)
		}
		got[k] = e.Size
	}
	return got
}

var sizes = []int{0, 1, 4 << 10, smallLimit, smallLimit + 1, 256 << 10, 1 << 20}

func TestBlocksOfEverySize(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	want := make(map[datastore.Key]int)
	for i, size := range sizes {
		k := key(fmt.Sprint("size ", i))
		put(t, s, k, size)
		put(t, s, k, size) // again, which changes nothing
		want[k] = size
	}
	b, err := s.Batch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i, size := range sizes {
		k := key(fmt.Sprint("batch ", i))
		if err := b.Put(t.Context(), k, content(k, size)); err != nil {
			t.Fatal(err)
		}
		want[k] = size
	}
	check(t, s, map[datastore.Key]int(maps.Collect(func(yield func(datastore.Key, int) bool) {
		for k, size := range want {
			if strings.Contains(k.String(), "SIZE") && !yield(k, size) {
				return
			}
		}
	})))
	if err := b.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	check(t, s, want, key("other"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(t.Context(), key("size 1")); !errors.Is(err, errClosed) {
		t.Errorf("after closing: %v", err)
	}
	s = openStore(t, dir)
	check(t, s, want)
	for k := range want {
		if err := s.Delete(t.Context(), k); err != nil {
			t.Fatal(err)
		}
	}
	check(t, s, nil, slices.Collect(maps.Keys(want))...)
}

func TestBlocksOfEarlierBuilds(t *testing.T) {
	dir := t.TempDir()
	old, err := flatfs.CreateOrOpen(filepath.Join(dir, flatDir), flatfs.IPFS_DEF_SHARD, true)
	if err != nil {
		t.Fatal(err)
	}
	want := make(map[datastore.Key]int)
	for i, size := range sizes {
		k := key(fmt.Sprint("old ", i))
		if err := old.Put(t.Context(), k, content(k, size)); err != nil {
			t.Fatal(err)
		}
		want[k] = size
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	s := openStore(t, dir)
	check(t, s, want)
	for k, size := range want {
		put(t, s, k, size)
	}
	fresh := key("fresh")
	put(t, s, fresh, 5)
	want[fresh] = 5
	check(t, s, want)
	gone := key("old 3")
	if err := s.Delete(t.Context(), gone); err != nil {
		t.Fatal(err)
	}
	delete(want, gone)
	check(t, s, want, gone)
}

func TestRemovedBlocksGiveTheirSpaceBack(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	const count, size = 64, 256 << 10
	for i := range count {
		put(t, s, key(fmt.Sprint("block ", i)), size)
	}
	syncNow(t, s)
	full := onDisk(t, dir)
	for i := range count - 1 {
		if err := s.Delete(t.Context(), key(fmt.Sprint("block ", i))); err != nil {
			t.Fatal(err)
		}
	}
	syncNow(t, s)
	if left := onDisk(t, dir); full-left < (count-2)*size {
		t.Errorf("%d bytes on the disk, %d after removing nearly all", full, left)
	}
	usage, err := s.DiskUsage(t.Context())
	if err != nil || usage < size || usage > 8*size {
		t.Errorf("the usage is %d, %v", usage, err)
	}
	check(t, s, map[datastore.Key]int{key(fmt.Sprint("block ", count-1)): size})
}

// A file goes when its last block does, unless it is the one that grows.
func TestFilesWithoutBlocksGo(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	put(t, s, key("first"), 100_000)
	s.segments.active.end = segmentSize // it counts as full
	put(t, s, key("second"), 100_000)
	syncNow(t, s)
	for _, name := range []string{"first", "second"} {
		if err := s.Delete(t.Context(), key(name)); err != nil {
			t.Fatal(err)
		}
	}
	syncNow(t, s)
	files, err := filepath.Glob(filepath.Join(dir, segmentDir, "*"+segmentSuffix))
	if err != nil || len(files) != 1 || filepath.Base(files[0]) != "00000002"+segmentSuffix {
		t.Errorf("files are %v, %v", files, err)
	}
}

func onDisk(t testing.TB, dir string) (sum int64) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(dir, segmentDir), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, segmentSuffix) {
			return err
		}
		info, err := d.Info()
		if err == nil {
			sum += info.Sys().(*syscall.Stat_t).Blocks * 512
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// After a power cut the files hold anything behind what was synced, and nothing of it counts.
func TestPowerCut(t *testing.T) {
	dir, after := t.TempDir(), t.TempDir()
	s := openStore(t, dir)
	want := make(map[datastore.Key]int)
	for i := range 5 {
		want[key(fmt.Sprint("kept ", i))] = 100_000 + i
	}
	for k, size := range want {
		put(t, s, k, size)
	}
	syncNow(t, s)
	lost := key("lost")
	put(t, s, lost, 200_000) // and never synced
	if err := os.CopyFS(after, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(after, segmentDir, "00000001"+segmentSuffix)
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(make([]byte, 200_000), info.Size()-200_000); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Close(), os.WriteFile(filepath.Join(after, segmentDir, "00000007"+segmentSuffix), []byte("never indexed"), 0o600)); err != nil {
		t.Fatal(err)
	}
	back := openStore(t, after)
	check(t, back, want, lost)
	put(t, back, lost, 200_000)
	want[lost] = 200_000
	check(t, back, want)
}

// After a failed sync nothing is taken, and nothing counts as synced.
func TestFailedSync(t *testing.T) {
	s := openStore(t, t.TempDir())
	put(t, s, key("one"), 100_000)
	if err := s.segments.active.file.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Sync(t.Context(), datastore.Key{}); !errors.Is(err, ErrFailed) {
			t.Errorf("sync: %v", err)
		}
	}
	if err := s.Put(t.Context(), key("two"), []byte("small")); !errors.Is(err, ErrFailed) {
		t.Errorf("a put afterwards: %v", err)
	}
}

// A file stays while a block in it is on its way to the index, even if all others are removed.
func TestFileWithComingBlocksStays(t *testing.T) {
	s := openStore(t, t.TempDir())
	put(t, s, key("gone"), 100_000)
	syncNow(t, s)
	put(t, s, key("coming"), 100_000)
	s.segments.active.end = segmentSize // it counts as full
	put(t, s, key("next"), 100_000)
	if err := s.Delete(t.Context(), key("gone")); err != nil {
		t.Fatal(err)
	}
	s.segments.punch(s.segments.takeFreed(), &s.punching) // as a commit does that began before the block came
	check(t, s, map[datastore.Key]int{key("coming"): 100_000, key("next"): 100_000}, key("gone"))
}

func TestManyAtOnce(t *testing.T) {
	s := openStore(t, t.TempDir())
	var workers sync.WaitGroup
	for w := range 8 {
		workers.Go(func() {
			random := rand.New(rand.NewPCG(uint64(w), 1))
			for range 150 {
				n := random.IntN(12)
				k, size := key(fmt.Sprint("shared ", n)), []int{500, 60_000}[n%2]
				var err error
				switch random.IntN(4) {
				case 0:
					err = s.Put(t.Context(), k, content(k, size))
				case 1:
					err = s.Delete(t.Context(), k)
				case 2:
					err = s.Sync(t.Context(), datastore.Key{})
				default:
					var got []byte
					if got, err = s.Get(t.Context(), k); errors.Is(err, datastore.ErrNotFound) {
						err = nil
					} else if err == nil && !bytes.Equal(got, content(k, size)) {
						t.Errorf("%s has other content", k)
					}
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	workers.Wait()
	want := list(t, s, query.Query{})
	check(t, s, want)
	var live int64
	for k := range want {
		_, err := s.look(k, func(e entry) error { live += e.at.room(); return nil })
		if err != nil {
			t.Error(err)
		}
	}
	usage := s.segments.usage()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if again := openStore(t, s.dir).segments.usage(); usage != uint64(live) || again != usage {
		t.Errorf("%d bytes count as used, and %d after opening again; %d are", usage, again, live)
	}
}
