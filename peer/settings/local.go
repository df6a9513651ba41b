package settings

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"

	kuboconfig "github.com/ipfs/kubo/config"

	"github.com/underlay/underlay/consensus"
)

// LocalOptions configure a peer's own part.
type LocalOptions struct {
	File   string                               // where the peer keeps the settings that are in force, sealed
	Write  func(file string, data []byte) error // so that a power cut leaves the old content or the new
	Public bool                                 // the node joins the public network
	Own    func(*kuboconfig.Config) error       // lays the operator's own configuration over another; may be nil
	Sealer Sealer
	Logger *slog.Logger
}

// Local is what a peer knows of the settings without the others: its own layers, and the replicated settings that were in
// force when it last ran. The node starts with them, before the cluster is there.
type Local struct {
	o      LocalOptions
	layers layers
	over   overlay // in force
	tree   Tree    // the node's configuration
}

// stored is the content of the file.
type stored struct {
	Values []consensus.Value
}

// OpenLocal reads what was in force when the peer last ran. If that is lost, the peer learns it from the cluster.
func OpenLocal(o LocalOptions) *Local {
	l := &Local{o: o, layers: layers{public: o.Public, own: o.Own}}
	raw, err := os.ReadFile(o.File)
	if errors.Is(err, fs.ErrNotExist) {
		return l
	}
	var content stored
	if err == nil {
		err = json.Unmarshal(raw, &content)
	}
	if err != nil {
		o.Logger.Error("settings made through the API are in force only after they came from the cluster", "file", o.File, "error", err)
		return l
	}
	l.over = l.read(content.Values)
	return l
}

// read decodes the cluster's values. One that cannot be read must not keep a peer from its work.
func (l *Local) read(values []consensus.Value) overlay {
	over, err := open(values, l.o.Sealer)
	if err != nil {
		l.o.Logger.Error("settings made through the API are left out", "error", err)
	}
	return over
}

// Arrange makes the configuration with which a node starts of its default one. If the settings in force do not go with the
// operator's own configuration, which may be new, they are left out. It is called once, before the peer uses its settings.
func (l *Local) Arrange(base *kuboconfig.Config) (map[string]any, error) {
	var err error
	if l.layers.base, err = kuboconfig.ToMap(base); err != nil {
		return nil, fmt.Errorf("arrange the configuration of the node: %w", err)
	}
	plain, err := l.layers.effective(overlay{})
	if err != nil {
		return nil, fmt.Errorf("apply the ipfs settings: %w", err)
	}
	if l.tree, err = l.layers.effective(l.over); err != nil {
		l.o.Logger.Error("settings made through the API are left out: they do not go with this peer's configuration", "error", err)
		l.tree = plain
	}
	return l.tree, nil
}

// save remembers what comes into force.
func (l *Local) save(values []consensus.Value) error {
	raw, err := json.Marshal(stored{values})
	if err != nil {
		return fmt.Errorf("encode the settings in force: %w", err)
	}
	return l.o.Write(l.o.File, raw)
}
