package boottest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// root is the folder of the repository.
const root = "../.."

// preparePackages returns the package that `make package` has made from this tree, and one of an earlier commit; that is empty
// where this clone does not have the commit.
func preparePackages(ctx context.Context) (current, previous string, err error) {
	if current, err = packageIn(root); err != nil {
		return "", "", err
	}
	commit := os.Getenv(previousVar)
	full, err := commandContext(ctx, "git", "-C", root, "rev-parse", "--verify", "--quiet", commit+"^{commit}")
	if err != nil {
		return current, "", nil // the test that needs it says so
	}
	previous, err = packageOf(ctx, strings.TrimSpace(full))
	return current, previous, err
}

// packageIn returns the package in a folder of the source.
func packageIn(source string) (string, error) {
	found, err := filepath.Glob(filepath.Join(source, "bin", "underlay_*_"+runtime.GOARCH+".deb"))
	if err != nil || len(found) != 1 {
		return "", errors.Join(err, fmt.Errorf("there are %d packages in %s/bin: run `make package`", len(found), source))
	}
	return filepath.Abs(found[0])
}

// packageOf makes the package of a commit, once.
func packageOf(ctx context.Context, commit string) (string, error) {
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	kept := filepath.Join(cache, "underlay-"+commit+".deb")
	if _, err := os.Stat(kept); err == nil {
		return kept, nil
	}
	fmt.Fprintln(os.Stderr, "boottest: making the package of the previous release, once")
	source, err := os.MkdirTemp(cache, "source-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(source)
	archive := source + "/source.tar"
	if _, err := commandContext(ctx, "git", "-C", root, "archive", "--output", archive, commit); err != nil {
		return "", err
	}
	if _, err := commandContext(ctx, "tar", "-C", source, "-xf", archive); err != nil {
		return "", err
	}
	if _, err := commandContext(ctx, "make", "-C", source, "package"); err != nil {
		return "", err
	}
	made, err := packageIn(source)
	if err != nil {
		return "", err
	}
	return kept, os.Rename(made, kept)
}
