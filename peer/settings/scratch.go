package settings

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	serialize "github.com/ipfs/kubo/config/serialize"
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
	run(dir)
	if err := serialize.ReadConfigFile(file, &after); err != nil {
		return nil, fmt.Errorf("read configuration of scratch repository: %w", err)
	}
	for _, c := range standIns() {
		if value, ok := lookup(after, c.Path); ok && len(Diff(Tree{"": c.Value}, Tree{"": value})) == 0 {
			after = carry(after, before, c.Path)
		}
	}
	return after, nil
}
