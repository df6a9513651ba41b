package diag

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// patience is for parts that need no other peer.
const patience = 10 * time.Second

// Process lists what any process can tell of itself. With cpu above 0 it is watched for so long.
func Process(version string, cpu time.Duration) []Part {
	parts := []Part{
		{"version.txt", func(_ context.Context, w io.Writer) error { return writeVersion(w, version) }, patience},
		{"goroutines.txt", profile("goroutine", 2), patience},
		{"heap.pprof", profile("heap", 0), patience},
		{"limits.txt", writeLimits, patience},
	}
	if cpu > 0 {
		parts = append(parts, Part{"cpu.pprof", watchCPU(cpu), cpu + patience})
	}
	return parts
}

// Text is a part that is known already.
func Text(name string, content func() []byte) Part {
	return Part{name, func(_ context.Context, w io.Writer) error {
		_, err := w.Write(content())
		return err
	}, patience}
}

func writeVersion(w io.Writer, version string) error {
	fmt.Fprintf(w, "underlay %s\n%s %s/%s\ntime %s\n\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH, time.Now().UTC().Format(time.RFC3339))
	if info, ok := debug.ReadBuildInfo(); ok {
		fmt.Fprintln(w, info)
	}
	return nil
}

func profile(name string, form int) func(context.Context, io.Writer) error {
	return func(_ context.Context, w io.Writer) error { return pprof.Lookup(name).WriteTo(w, form) }
}

func watchCPU(d time.Duration) func(context.Context, io.Writer) error {
	return func(ctx context.Context, w io.Writer) error {
		if err := pprof.StartCPUProfile(w); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// writeLimits tells what the process has of the machine, and how it stands. Files that are not there are left out: they
// depend on the system.
func writeLimits(_ context.Context, w io.Writer) error {
	fmt.Fprintf(w, "GOMAXPROCS %d\nGOMEMLIMIT %d\ngoroutines %d\n", runtime.GOMAXPROCS(0), debug.SetMemoryLimit(-1), runtime.NumGoroutine())
	files := []string{"/proc/version", "/proc/self/limits", "/proc/self/status", "/proc/self/io", "/proc/self/cgroup", "/proc/meminfo", "/proc/loadavg",
		"/proc/pressure/cpu", "/proc/pressure/io", "/proc/pressure/memory"}
	for _, group := range controlGroups() {
		for _, name := range []string{"memory.max", "memory.high", "memory.current", "memory.events", "cpu.max", "cpu.stat", "pids.max", "pids.current"} {
			files = append(files, filepath.Join("/sys/fs/cgroup", group, name))
		}
	}
	for _, file := range files {
		if raw, err := os.ReadFile(file); err == nil {
			fmt.Fprintf(w, "\n== %s\n%s", file, raw)
		}
	}
	return nil
}

// controlGroups are those of this process, from the inside to the root.
func controlGroups() []string {
	raw, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil
	}
	_, group, ok := strings.Cut(strings.TrimSpace(string(raw)), "::")
	if !ok {
		return nil
	}
	groups := []string{group}
	for ; group != "/" && group != "."; groups = append(groups, group) {
		group = filepath.Dir(group)
	}
	return slices.Compact(groups)
}

// Disk tells how full the disk below a directory is, and how much each directory in it has.
func Disk(dir string) Part {
	return Part{"disk.txt", func(ctx context.Context, w io.Writer) error {
		var at unix.Statfs_t
		if err := unix.Statfs(dir, &at); err != nil {
			return fmt.Errorf("%s: %w", dir, err)
		}
		unit := uint64(at.Bsize)
		fmt.Fprintf(w, "%s: %d bytes, %d free, %d of %d inodes free\n", dir, at.Blocks*unit, at.Bavail*unit, at.Ffree, at.Files)
		sizes := make(map[string]int64)
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return ctx.Err() // what goes away meanwhile has no size
			}
			if info, err := d.Info(); err == nil {
				in, _ := filepath.Rel(dir, filepath.Dir(path))
				sizes[in] += info.Size()
			}
			return ctx.Err()
		})
		for _, in := range slices.Sorted(maps.Keys(sizes)) {
			fmt.Fprintf(w, "%15d %s\n", sizes[in], in)
		}
		return err
	}, patience}
}
