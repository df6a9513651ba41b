package raftstore

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// swap puts file a in the place of b in one atomic step. a is b's old file
// afterwards, where the file system can do that, or gone.
func swap(a, b string) error {
	err := unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE)
	if err == nil {
		return nil
	}
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) {
		return os.Rename(a, b)
	}
	return &os.LinkError{Op: "exchange", Old: a, New: b, Err: err}
}
