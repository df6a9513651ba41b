// Package memlimit finds out how much memory the process may use before the kernel or the service manager acts, from the
// control groups that it is in.
//
// Start reading at [Of].
package memlimit

import (
	"io/fs"
	"math"
	"path"
	"strconv"
	"strings"
)

// Of returns the least limit of the control groups of the process in bytes; 0: there is none. root is the file system of the
// machine. Both versions of control groups are read; a machine without them has no limit.
func Of(root fs.FS) int64 {
	groups, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return 0
	}
	least := int64(math.MaxInt64)
	for line := range strings.Lines(string(groups)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3) // number:controllers:path
		if len(parts) != 3 {
			continue
		}
		switch {
		case parts[1] == "":
			least = min(least, upwards(root, "sys/fs/cgroup", parts[2], "memory.max", "memory.high"))
		case parts[1] == "memory":
			least = min(least, upwards(root, "sys/fs/cgroup/memory", parts[2], "memory.limit_in_bytes"))
		}
	}
	// The first version writes a number near the largest one where there is no limit.
	if least >= math.MaxInt64/2 {
		return 0
	}
	return least
}

// upwards returns the least number in files of that name, in a group and all groups around it.
func upwards(root fs.FS, mount, group string, names ...string) int64 {
	least := int64(math.MaxInt64)
	for {
		for _, name := range names {
			text, err := fs.ReadFile(root, path.Join(mount, group, name))
			if err != nil {
				continue // the outermost group has none
			}
			if n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil { // else it is "max"
				least = min(least, n)
			}
		}
		if group == "/" || group == "." {
			return least
		}
		group = path.Dir(group)
	}
}
