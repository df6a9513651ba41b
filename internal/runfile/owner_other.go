//go:build !unix

package runfile

import "os"

// private tells whether the directory exists; whose it is, only its place tells.
func private(dir string) bool {
	info, err := os.Stat(dir)
	return err == nil && info.IsDir()
}
