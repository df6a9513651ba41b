//go:build unix

package runfile

import (
	"os"
	"syscall"
)

// private tells whether nobody else can have written what is in a directory: credentials are sent to where it says.
func private(dir string) bool {
	info, err := os.Stat(dir)
	if err != nil || !info.IsDir() || info.Mode().Perm()&0o022 != 0 {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Getuid()
}
