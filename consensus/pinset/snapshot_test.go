package pinset

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

// memorySink keeps a snapshot in memory.
type memorySink struct {
	bytes.Buffer
	cancelled bool
}

func (*memorySink) ID() string   { return "memory" }
func (*memorySink) Close() error { return nil }
func (s *memorySink) Cancel() error {
	s.cancelled = true
	return nil
}

// takeSnapshot returns the machine's snapshot.
func takeSnapshot(t testing.TB, m *Machine) []byte {
	t.Helper()
	snap, err := m.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Release()
	var sink memorySink
	if err := snap.Persist(&sink); err != nil {
		t.Fatal(err)
	}
	return sink.Bytes()
}

func restoreBytes(m *Machine, b []byte) error { return m.Restore(io.NopCloser(bytes.NewReader(b))) }

// filledMachine has applied n entries.
func filledMachine(t testing.TB, dir string, n int) *Machine {
	t.Helper()
	m := testMachine(t, dir)
	m.Apply(command(t, 1, 1, 1, PinOp(fullPin(t)), UnpinOp(testCid(1))))
	for i := 2; i <= n; i++ {
		m.Apply(command(t, uint64(i), 1, uint64(i), PinOp(plainPin(i))))
	}
	return m
}

func TestSnapshotRoundTrip(t *testing.T) {
	source := filledMachine(t, t.TempDir(), 1000)
	snap := takeSnapshot(t, source)
	dir := t.TempDir()
	m := testMachine(t, dir)
	// Everything of the old state must go, in memory and on disk.
	for i := 1; i <= 50; i++ {
		m.Apply(command(t, uint64(i), 7, uint64(i), PinOp(plainPin(5000+i))))
	}
	if err := m.db.Flush(); err != nil {
		t.Fatal(err)
	}
	m.Apply(command(t, 51, 8, 1, PinOp(plainPin(6000))))
	m.dirty.take()
	// A read that runs across the restore sees the old state.
	old, err := m.db.NewIter(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := restoreBytes(m, snap); err != nil {
		t.Fatal(err)
	}
	n := 0
	for old.First(); old.Valid(); old.Next() {
		n++
	}
	if err := old.Close(); err != nil || n != 51+51+3 {
		t.Errorf("the running read saw %d keys, want %d (%v)", n, 51+51+3, err)
	}
	want := dump(t, source.Store)
	if !maps.Equal(dump(t, m.Store), want) || m.applied.get() != 1000 {
		t.Errorf("the restored state differs, applied %d", m.applied.get())
	}
	if ch, ok := m.dirty.take(); !ok || !ch.All {
		t.Errorf("got changes %+v", ch)
	}
	if r := m.Apply(command(t, 1001, 1, 1000, PinOp(plainPin(1000)))).(Reply); r.Index != 1000 {
		t.Errorf("the client table was not restored: %+v", r)
	}
	source.Apply(command(t, 1001, 1, 1000, PinOp(plainPin(1000))))
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if m = testMachine(t, dir); !maps.Equal(dump(t, m.Store), dump(t, source.Store)) {
		t.Error("the restored state differs after reopening")
	}
	if _, err := os.Stat(filepath.Join(dir, "restore")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("scratch files are left: %v", err)
	}
	// A snapshot of the restored state is the same stream.
	if again := takeSnapshot(t, m); !bytes.Equal(again, takeSnapshot(t, source)) {
		t.Error("equal states give different snapshots")
	}
}

func TestSnapshotGolden(t *testing.T) {
	snap := takeSnapshot(t, filledMachine(t, t.TempDir(), 3))
	golden(t, "snapshot-v1", snap)
	data, err := os.ReadFile(filepath.Join("testdata", "snapshot-v1"))
	if err != nil {
		t.Fatal(err)
	}
	m := testMachine(t, t.TempDir())
	if err := restoreBytes(m, data); err != nil {
		t.Fatal(err)
	}
	if pins := listPins(t, m); len(pins) != 3 || m.applied.get() != 3 {
		t.Errorf("got %d pins, applied %d", len(pins), m.applied.get())
	}
}

func TestDamagedSnapshotsAreRefused(t *testing.T) {
	snap := takeSnapshot(t, filledMachine(t, t.TempDir(), 3))
	m := filledMachine(t, t.TempDir(), 7)
	before := dump(t, m.Store)
	refused := func(what string, i int, b []byte) {
		t.Helper()
		s, err := newStreamReader(bytes.NewReader(b))
		for err == nil {
			_, _, err = s.next()
		}
		if !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s %d: got error %v, want ErrCorrupt", what, i, err)
		}
		if i%16 != 0 {
			return // a whole restore takes milliseconds
		}
		if err := restoreBytes(m, b); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s %d: got error %v, want ErrCorrupt", what, i, err)
		}
	}
	for n := range snap {
		refused("cut after", n, snap[:n])
	}
	for i := range snap {
		b := bytes.Clone(snap)
		b[i] ^= 1 << (i % 8)
		refused("flipped a bit of byte", i, b)
	}
	refused("byte after the end", len(snap), append(bytes.Clone(snap), 0))
	lying := binary.AppendUvarint(append(bytes.Clone(snap[:streamHeader]), 8), 0)
	refused("key of zeros", 0, append(lying, snap...))
	if !maps.Equal(before, dump(t, m.Store)) || m.applied.get() != 7 {
		t.Error("a refused snapshot changed the state")
	}
}

// A stream with a sound checksum can still hold what no machine writes.
func TestImpossibleSnapshotsAreRefused(t *testing.T) {
	version, applied := []string{metaVersion, "\x01"}, []string{metaApplied, "\x00\x00\x00\x00\x00\x00\x00\x05"}
	for name, records := range map[string][][]string{
		"no records":      {},
		"no version":      {applied},
		"other version":   {applied, {metaVersion, "\x02"}},
		"other index":     {{metaApplied, "\x00\x00\x00\x00\x00\x00\x00\x06"}, version},
		"no index":        {version},
		"wrong order":     {version, applied},
		"repeated key":    {applied, applied, version},
		"other key space": {applied, version, {"x", ""}},
		"bad client key":  {applied, version, {"rshort", "\x01"}},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			w, err := newStreamWriter(&b, 5)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range records {
				if err := w.record([]byte(r[0]), []byte(r[1])); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.finish(); err != nil {
				t.Fatal(err)
			}
			var fatal []error
			m := testMachineFatal(t, t.TempDir(), func(err error) { fatal = append(fatal, err) })
			if err := restoreBytes(m, b.Bytes()); !errors.Is(err, ErrCorrupt) {
				t.Errorf("got error %v, want ErrCorrupt", err)
			}
			if len(fatal) > 0 {
				t.Errorf("fatal: %v", fatal)
			}
		})
	}
}

func TestSnapshotIsOneMoment(t *testing.T) {
	m := filledMachine(t, t.TempDir(), 10)
	want := dump(t, m.Store)
	snap, err := m.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Release()
	m.Apply(command(t, 11, 1, 11, PinOp(plainPin(11)), UnpinOp(testCid(2))))
	var sink memorySink
	if err := snap.Persist(&sink); err != nil {
		t.Fatal(err)
	}
	other := testMachine(t, t.TempDir())
	if err := restoreBytes(other, sink.Bytes()); err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(dump(t, other.Store), want) || other.applied.get() != 10 {
		t.Error("the snapshot is not the state at its moment")
	}
}

func TestClosingEndsSnapshots(t *testing.T) {
	m := filledMachine(t, t.TempDir(), 10)
	sound := takeSnapshot(t, m)
	snap, err := m.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Release()
	m.Stop()
	var sink memorySink
	if err := snap.Persist(&sink); !errors.Is(err, ErrClosed) || !sink.cancelled {
		t.Errorf("got error %v, cancelled %v", err, sink.cancelled)
	}
	if err := restoreBytes(m, sound); !errors.Is(err, ErrClosed) {
		t.Errorf("restore: got error %v, want ErrClosed", err)
	}
}

// Whatever is read from a snapshot that passes its checks is a state.
func FuzzStream(f *testing.F) {
	var b bytes.Buffer
	w, err := newStreamWriter(&b, 5)
	if err != nil {
		f.Fatal(err)
	}
	if err := errors.Join(w.record([]byte(metaVersion), []byte{1}), w.record([]byte("p"+strings.Repeat("x", 300)), nil), w.finish()); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add(b.Bytes()[:20])
	f.Add([]byte(streamMagic))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := newStreamReader(bytes.NewReader(data))
		n := 0
		for err == nil {
			_, _, err = s.next()
			n++
		}
		if n > len(data) {
			t.Errorf("%d records in %d bytes", n, len(data))
		}
		if !errors.Is(err, io.EOF) && !errors.Is(err, ErrCorrupt) {
			t.Errorf("got error %v", err)
		}
	})
}

// A peer that died between receiving a snapshot and taking it in does so when it
// is opened.
func TestStateBehindItsSnapshotIsRestored(t *testing.T) {
	dir := t.TempDir()
	snaps, err := raft.NewFileSnapshotStoreWithLogger(dir, 1, hclog.NewNullLogger())
	if err != nil {
		t.Fatal(err)
	}
	source := filledMachine(t, t.TempDir(), 20)
	_, trans := raft.NewInmemTransport("")
	sink, err := snaps.Create(1, 25, 2, raft.Configuration{}, 1, trans)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sink.Write(takeSnapshot(t, source)); err != nil {
		t.Fatal(err)
	}
	if err := sink.Close(); err != nil {
		t.Fatal(err)
	}
	m := filledMachine(t, dir, 5)
	if err := m.RestoreIfBehind(snaps); err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(dump(t, m.Store), dump(t, source.Store)) {
		t.Error("the state was not restored")
	}
	// A state that is ahead of the snapshot stays as it is.
	m.Apply(command(t, 26, 1, 26, PinOp(plainPin(26))))
	if err := m.RestoreIfBehind(snaps); err != nil {
		t.Fatal(err)
	}
	if m.applied.get() != 26 {
		t.Errorf("applied %d, want 26", m.applied.get())
	}
}
