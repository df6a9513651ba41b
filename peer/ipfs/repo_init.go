package ipfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ipfs/kubo/repo/fsrepo"

	kuboconfig "github.com/ipfs/kubo/config"
)

// initRepo makes the repository in dir, whole and on disk, or not at all. kubo syncs none of the files that it makes
// once, so a power cut soon after the first start would leave some of them empty, and the node without its identity.
func initRepo(dir string, tree map[string]any) error {
	conf, err := kuboconfig.FromMap(tree)
	if err != nil {
		return err
	}
	if _, err := os.Stat(dir); err == nil { // the user's own, perhaps a mount point, which cannot be replaced
		return fillRepo(dir, conf)
	}
	draft := dir + ".new"
	if err := os.RemoveAll(draft); err != nil { // of a first start that was cut off
		return err
	}
	if err := fillRepo(draft, conf); err != nil {
		return err
	}
	if err := os.Rename(draft, dir); err != nil {
		return err
	}
	return syncPath(filepath.Dir(dir))
}

// fillRepo makes the repository's files, those of its datastores included, and syncs them.
func fillRepo(dir string, conf *kuboconfig.Config) error {
	if err := fsrepo.Init(dir, conf); err != nil {
		return err
	}
	r, err := fsrepo.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(r.Close(), syncTree(dir))
}

// replaceFile writes a private file so that a power cut leaves the old content or the new.
func replaceFile(path string, data []byte) error {
	draft := path + ".new"
	if err := os.WriteFile(draft, data, 0o600); err != nil {
		return err
	}
	if err := syncPath(draft); err != nil {
		return err
	}
	if err := os.Rename(draft, path); err != nil {
		return err
	}
	return syncPath(filepath.Dir(path))
}

// syncTree brings every file and directory below dir to disk.
func syncTree(dir string) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || (!entry.IsDir() && !entry.Type().IsRegular()) {
			return err
		}
		return syncPath(path)
	})
}

func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("sync %s: %w", path, err)
	}
	return nil
}
