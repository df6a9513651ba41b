package ipfs

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"

	serialize "github.com/ipfs/kubo/config/serialize"
	"github.com/ipfs/kubo/core/coreiface/options"
	"github.com/ipfs/kubo/repo"
	"github.com/ipfs/kubo/repo/fsrepo"
	"golang.org/x/sys/unix"

	kuboconfig "github.com/ipfs/kubo/config"

	"github.com/underlay/underlay/peer/ipfs/blockfiles"
)

// openRepo opens the IPFS repository of the options, creating it on first use. The node's identity is the one thing that
// lives on from start to start in kubo's own config file; every other setting is our default with what the options make
// of it.
func openRepo(o Options) (repo.Repo, error) {
	dir := o.Dir
	file := filepath.Join(dir, kuboconfig.DefaultConfigFile)
	exists := fsrepo.IsInitialized(dir)
	identity, err := nodeIdentity(file, exists)
	if err != nil {
		return nil, err
	}
	conf, err := nodeConfig(identity, o.Public)
	if err != nil {
		return nil, err
	}
	if conf.Datastore.StorageMax, err = volumeSize(filepath.Dir(dir)); err != nil {
		return nil, err
	}
	tree, err := o.arrange(conf)
	if err != nil {
		return nil, err
	}
	if !exists {
		err = initRepo(dir, tree)
	}
	if err == nil {
		err = writeNodeConfig(file, tree)
	}
	if err != nil {
		return nil, fmt.Errorf("prepare IPFS repository %s: %w", dir, err)
	}
	r, err := fsrepo.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("open IPFS repository %s: %w", dir, err)
	}
	pins, err := openPinStore(dir)
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return nodeRepo{r, pins, &fileKeys{}}, nil
}

func nodeIdentity(file string, exists bool) (kuboconfig.Identity, error) {
	if !exists {
		identity, err := kuboconfig.CreateIdentity(io.Discard, []options.KeyGenerateOption{options.Key.Type(options.Ed25519Key)})
		if err != nil {
			return identity, fmt.Errorf("make IPFS identity: %w", err)
		}
		return identity, nil
	}
	old, err := serialize.Load(file)
	if err != nil {
		return kuboconfig.Identity{}, fmt.Errorf("read IPFS identity from %s: %w", file, err)
	}
	return old.Identity, nil
}

// nodeConfig is the node's configuration before the user's settings.
func nodeConfig(identity kuboconfig.Identity, public bool) (*kuboconfig.Config, error) {
	conf, err := kuboconfig.InitWithIdentity(identity)
	if err != nil {
		return nil, fmt.Errorf("make IPFS configuration: %w", err)
	}
	conf.Datastore.Spec = datastoreSpec()
	conf.Addresses.API = nil // served by package proxy
	conf.Addresses.Gateway = nil
	conf.Discovery.MDNS.Enabled = false // peers find each other through the cluster
	if !public {
		leavePublicNetwork(conf)
	}
	return conf, nil
}

// volumeSize returns the size of the file system that holds path, in the form of kubo's StorageMax: the node may use
// all of it, where kubo's own default would stop the allocator from placing pins here beyond 10 GB.
func volumeSize(path string) (string, error) {
	var disk unix.Statfs_t
	if err := unix.Statfs(path, &disk); err != nil {
		return "", fmt.Errorf("measure the file system of %s: %w", path, err)
	}
	return fmt.Sprintf("%dB", disk.Blocks*uint64(disk.Bsize)), nil
}

// datastoreSpec keeps blocks in our own store, which syncs them, and everything else in Pebble. Kubo's own default does not
// sync blocks; ours must, because an acknowledged pin promises that its blocks are on disk.
func datastoreSpec() map[string]any {
	return map[string]any{
		"type": "mount",
		"mounts": []any{
			map[string]any{"mountpoint": "/blocks", "type": blockStoreType},
			map[string]any{"mountpoint": "/", "type": "pebbleds", "prefix": "pebble.datastore", "path": "datastore"},
		},
	}
}

// blockStoreType is the name of our store of blocks in kubo's configuration.
const blockStoreType = "underlay-blocks"

// blockStore opens package blockfiles' store for kubo.
type blockStore struct{}

func blockStoreConfig(map[string]any) (fsrepo.DatastoreConfig, error) { return blockStore{}, nil }

// DiskSpec implements fsrepo.DatastoreConfig.
func (blockStore) DiskSpec() fsrepo.DiskSpec { return blockfiles.DiskSpec() }

// Create implements fsrepo.DatastoreConfig.
func (blockStore) Create(dir string) (repo.Datastore, error) { return blockfiles.Open(dir) }

// leavePublicNetwork switches off everything by which a node finds or serves strangers. What is left of the DHT is the one
// between the peers' own nodes, also when they share a machine: names need it.
func leavePublicNetwork(conf *kuboconfig.Config) {
	conf.Bootstrap = []string{}
	conf.DNS.Resolvers = map[string]string{}
	conf.Routing.Type = kuboconfig.NewOptionalString("dht")
	conf.Routing.LoopbackAddressesOnLanDHT = kuboconfig.True
	conf.Routing.DelegatedRouters = []string{}
	conf.Ipns.DelegatedPublishers = []string{}
	conf.AutoConf.Enabled = kuboconfig.False
	conf.AutoTLS.Enabled = kuboconfig.False
	conf.AutoNAT.ServiceMode = kuboconfig.AutoNATServiceDisabled
	conf.Provide.Enabled = kuboconfig.False
	conf.HTTPRetrieval.Enabled = kuboconfig.False
	conf.Swarm.DisableNatPortMap = true
	conf.Swarm.RelayClient.Enabled = kuboconfig.False
	conf.Swarm.RelayService.Enabled = kuboconfig.False
	conf.Swarm.EnableHolePunching = kuboconfig.False
}
