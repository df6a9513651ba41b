package settings

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"

	serialize "github.com/ipfs/kubo/config/serialize"
	"github.com/ipfs/kubo/repo"
	"github.com/ipfs/kubo/repo/fsrepo"

	kuboconfig "github.com/ipfs/kubo/config"
)

// standIns are the settings that a scratch repository has its own values of: a store in memory, and no private key.
func standIns() []Change {
	return []Change{
		{Path: Path{"Datastore", "Spec"}, Value: map[string]any{"type": "mem"}},
		{Path: Path{"Identity", "PrivKey"}, Value: "none"},
	}
}

// try calls run with the directory of an IPFS repository that has a configuration and nothing else, and returns what the
// configuration is then. Nobody else sees the repository, which is gone afterwards.
func try(dir string, before Tree, run func(repo string)) (after Tree, err error) {
	if err := os.RemoveAll(dir); err != nil { // of a process that was killed
		return nil, fmt.Errorf("clear scratch repository: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	scratch := Apply(before, standIns())
	spec := map[string]any{"type": "mem"}
	if err := fsrepo.Init(dir, &kuboconfig.Config{Datastore: kuboconfig.Datastore{Spec: spec}}); err != nil {
		return nil, fmt.Errorf("make scratch repository: %w", err)
	}
	file := filepath.Join(dir, kuboconfig.DefaultConfigFile)
	if err := serialize.WriteConfigFile(file, scratch); err != nil {
		return nil, fmt.Errorf("write configuration of scratch repository: %w", err)
	}
	r, err := fsrepo.Open(dir) // so that it stays open between commands, as a node's
	if err != nil {
		return nil, fmt.Errorf("open scratch repository: %w", err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	run(dir)
	if after, err = result(r, file); err != nil {
		return nil, err
	}
	var kept []Path
	for _, c := range standIns() {
		if value, _ := lookup(after, c.Path); reflect.DeepEqual(value, c.Value) {
			kept = append(kept, c.Path)
		}
	}
	return Apply(after, carry(after, before, kept)), nil
}

// result reads a repository's configuration. Kubo takes nothing out of the file when it writes all of its settings, and what
// it removed would come back with the next start: what it works with decides.
func result(r repo.Repo, file string) (Tree, error) {
	var tree Tree
	if err := serialize.ReadConfigFile(file, &tree); err != nil {
		return nil, fmt.Errorf("read configuration of scratch repository: %w", err)
	}
	conf, err := r.Config()
	if err != nil {
		return nil, fmt.Errorf("read configuration of scratch repository: %w", err)
	}
	works, err := kuboconfig.ToMap(conf)
	if err != nil {
		return nil, err
	}
	written, err := kuboconfig.FromMap(tree)
	if err != nil {
		return nil, err
	}
	stands, err := kuboconfig.ToMap(written)
	if err != nil {
		return nil, err
	}
	return Apply(tree, Diff(stands, works)), nil
}
