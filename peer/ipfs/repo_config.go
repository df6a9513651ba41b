package ipfs

import (
	"fmt"
	"path/filepath"
	"reflect"

	serialize "github.com/ipfs/kubo/config/serialize"
	"github.com/ipfs/kubo/repo"

	kuboconfig "github.com/ipfs/kubo/config"
)

// arrange makes the content of the configuration file of the default configuration.
func (o Options) arrange(conf *kuboconfig.Config) (map[string]any, error) {
	if o.Arrange != nil {
		return o.Arrange(conf)
	}
	if o.Configure != nil {
		if err := o.Configure(conf); err != nil {
			return nil, fmt.Errorf("apply the ipfs settings: %w", err)
		}
	}
	return kuboconfig.ToMap(conf)
}

// SetConfig replaces the configuration of a node that runs on the repository in dir. What kubo reads once works from the
// node's next start on. Nobody else may change the configuration meanwhile.
func SetConfig(r repo.Repo, dir string, tree map[string]any) error {
	file := filepath.Join(dir, kuboconfig.DefaultConfigFile)
	if err := writeNodeConfig(file, tree); err != nil {
		return fmt.Errorf("write configuration of the node: %w", err)
	}
	// The repository reads its file only when it sets a key. It then writes it too, without a sync, so we do that again.
	if err := r.SetConfigKey("Datastore", tree["Datastore"]); err != nil {
		return fmt.Errorf("reload configuration of the node: %w", err)
	}
	if err := replaceConfig(file, tree); err != nil {
		return fmt.Errorf("write configuration of the node: %w", err)
	}
	return nil
}

// writeNodeConfig leaves an unchanged file alone, so that a peer starts on a full or read-only disk.
func writeNodeConfig(file string, tree map[string]any) error {
	var old map[string]any
	if err := serialize.ReadConfigFile(file, &old); err != nil {
		return err
	}
	if reflect.DeepEqual(old, tree) {
		return nil
	}
	return replaceConfig(file, tree)
}

func replaceConfig(file string, tree map[string]any) error {
	raw, err := kuboconfig.Marshal(tree)
	if err != nil {
		return err
	}
	return replaceFile(file, raw)
}
