package peer

import (
	"context"
	"fmt"
	"os"

	"github.com/underlay/underlay/peer/ipfs"
	"github.com/underlay/underlay/peer/settings"
)

// openLocalSettings reads the settings with which the node starts.
func (p *Peer) openLocalSettings(context.Context) error {
	p.localSettings = settings.OpenLocal(settings.LocalOptions{
		File: p.dir.settings(), Write: writeFile, Public: p.opts.Public, Own: p.opts.ConfigureIPFS, Sealer: p.sealer, Logger: p.logger,
	})
	return nil
}

func (p *Peer) openSettings(context.Context) error {
	if err := os.RemoveAll(p.dir.scratch()); err != nil { // of a process that was killed
		return fmt.Errorf("clear scratch repository: %w", err)
	}
	p.settings = settings.New(settings.Options{
		Local: p.localSettings, Cluster: p.consensus, Scratch: p.dir.scratch(),
		Write: func(tree map[string]any) error { return ipfs.SetConfig(p.node.Repo, p.dir.ipfs(), tree) },
	})
	return nil
}

// Settings are those of all peers' nodes.
func (p *Peer) Settings() *settings.Settings { return p.settings }
