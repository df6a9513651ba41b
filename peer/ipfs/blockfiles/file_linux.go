package blockfiles

import (
	"os"

	"golang.org/x/sys/unix"
)

// punchHole gives a part of a file back to the file system; it reads as zeros then.
func punchHole(f *os.File, offset, length int64) error {
	return unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, offset, length)
}

// syncData brings a file's content, and what is needed to find it, to the disk.
func syncData(f *os.File) error {
	for {
		if err := unix.Fdatasync(int(f.Fd())); err != unix.EINTR {
			return os.NewSyscallError("fdatasync "+f.Name(), err)
		}
	}
}
