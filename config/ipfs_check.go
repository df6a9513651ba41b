package config

import (
	"encoding/json"
	"time"

	kubo "github.com/ipfs/kubo/config"
)

// checkKubo refuses what kubo would answer by ending the process, through log.Fatal or a panic, and what it would refuse
// only once the peer is half started. It looks at the whole configuration: combinations matter.
func checkKubo(c *kubo.Config) faults {
	var fs faults
	checkRelay(c, &fs)
	checkRemoved(c, &fs)
	checkImport(c, &fs)
	checkProvide(c, &fs)
	checkBitswap(c, &fs)
	checkChoices(c, &fs)
	checkIPNS(c, &fs)
	return fs
}

// checkRelay holds what core/node/groups.go and core/node/libp2p/relay.go exit on.
func checkRelay(c *kubo.Config, fs *faults) {
	transport := c.Swarm.Transports.Network.Relay.WithDefault(true)
	service := c.Swarm.RelayService.Enabled.WithDefault(transport)
	client := c.Swarm.RelayClient.Enabled.WithDefault(transport)
	if service && !transport {
		fs.add("ipfs.Swarm.RelayService.Enabled", "needs ipfs.Swarm.Transports.Network.Relay to be true")
	}
	if client && !transport {
		fs.add("ipfs.Swarm.RelayClient.Enabled", "needs ipfs.Swarm.Transports.Network.Relay to be true")
	}
	if c.Swarm.EnableHolePunching == kubo.True && !client {
		fs.add("ipfs.Swarm.EnableHolePunching", "needs ipfs.Swarm.RelayClient.Enabled to be true")
	}
	if c.Swarm.Transports.Multiplexers.Yamux == kubo.Disabled {
		fs.add("ipfs.Swarm.Transports.Multiplexers.Yamux", "cannot be turned off, it is the only multiplexer")
	}
}

// checkRemoved holds settings that kubo still parses in order to refuse them, or that its daemon refuses while the
// library would ignore them.
func checkRemoved(c *kubo.Config, fs *faults) {
	if c.Experimental.ShardingEnabled {
		fs.add("ipfs.Experimental.ShardingEnabled", "is no longer used: use ipfs.Import.UnixFSHAMTDirectorySizeThreshold")
	}
	if c.Experimental.StrategicProviding {
		fs.add("ipfs.Experimental.StrategicProviding", "was removed: use ipfs.Provide.Enabled")
	}
	const renamed = "ipfs.Internal.UnixFSShardingSizeThreshold"
	old := c.Internal.UnixFSShardingSizeThreshold
	if old.IsDefault() {
		return
	}
	if !c.Import.UnixFSHAMTDirectorySizeThreshold.IsDefault() {
		fs.add(renamed, "was renamed and the new name is set too: keep only ipfs.Import.UnixFSHAMTDirectorySizeThreshold")
		return
	}
	// Kubo moves the text over without parsing it, and panics on first use.
	checkBytes(renamed, old.WithDefault(""), fs)
}

// checkBytes parses a size the way kubo does.
func checkBytes(path, text string, fs *faults) {
	data, err := json.Marshal(text)
	if err == nil {
		err = new(kubo.OptionalBytes).UnmarshalJSON(data)
	}
	if err != nil {
		fs.add(path, "must be a size, for example 256KiB")
	}
}

func checkImport(c *kubo.Config, fs *faults) {
	if err := kubo.ValidateImportConfig(&c.Import); err != nil {
		fs.add("ipfs.Import", "%v", err)
	}
}

func checkProvide(c *kubo.Config, fs *faults) {
	if err := kubo.ValidateProvideConfig(&c.Provide); err != nil {
		fs.add("ipfs.Provide", "%v", err)
	}
	if c.Provide.Strategy.WithDefault("") == "flat" {
		fs.add("ipfs.Provide.Strategy", "flat is no longer supported: use all")
	}
	if c.Routing.Type.WithDefault(kubo.DefaultRoutingType) == "delegated" && c.Provide.Enabled.WithDefault(kubo.DefaultProvideEnabled) {
		fs.add("ipfs.Routing.Type", "delegated cannot announce content: set ipfs.Provide.Enabled to false too")
	}
}

// checkBitswap holds the numbers that boxo's and the DHT's constructors panic on.
func checkBitswap(c *kubo.Config, fs *faults) {
	if c.Experimental.OptimisticProvideJobsPoolSize < 0 {
		fs.add("ipfs.Experimental.OptimisticProvideJobsPoolSize", "must not be negative")
	}
	if !c.Bitswap.Libp2pEnabled.WithDefault(kubo.DefaultBitswapLibp2pEnabled) &&
		!c.HTTPRetrieval.Enabled.WithDefault(kubo.DefaultHTTPRetrievalEnabled) {
		fs.add("ipfs.Bitswap.Libp2pEnabled", "cannot be off together with ipfs.HTTPRetrieval.Enabled")
	}
	checkBytes("ipfs.HTTPRetrieval.MaxBlockSize", c.HTTPRetrieval.MaxBlockSize.WithDefault(kubo.DefaultHTTPRetrievalMaxBlockSize), fs)
	internal := c.Internal.Bitswap
	if internal == nil {
		return
	}
	const prefix = "ipfs.Internal.Bitswap."
	for _, n := range []struct {
		name  string
		value kubo.OptionalInteger
		least int64
	}{
		{"TaskWorkerCount", internal.TaskWorkerCount, 1},
		{"EngineBlockstoreWorkerCount", internal.EngineBlockstoreWorkerCount, 1},
		{"EngineTaskWorkerCount", internal.EngineTaskWorkerCount, 1},
		{"MaxOutstandingBytesPerPeer", internal.MaxOutstandingBytesPerPeer, 0},
	} {
		if n.value.WithDefault(n.least) < n.least {
			fs.add(prefix+n.name, "must be at least %d", n.least)
		}
	}
}

// checkChoices holds settings that take one of a few words.
func checkChoices(c *kubo.Config, fs *faults) {
	oneOf := func(path, value string, allowed ...string) {
		for _, a := range allowed {
			if value == a {
				return
			}
		}
		fs.add(path, "must be %s", choices(allowed))
	}
	oneOf("ipfs.Swarm.ConnMgr.Type", c.Swarm.ConnMgr.Type.WithDefault("basic"), "basic", "none", "")
	oneOf("ipfs.Pubsub.Router", c.Pubsub.Router, "gossipsub", "floodsub", "")
	oneOf("ipfs.Pubsub.SeenMessagesStrategy", c.Pubsub.SeenMessagesStrategy.WithDefault(kubo.DefaultSeenMessagesStrategy),
		kubo.LastSeenMessagesStrategy, kubo.FirstSeenMessagesStrategy)
	oneOf("ipfs.Routing.Type", c.Routing.Type.WithDefault(kubo.DefaultRoutingType),
		"auto", "autoclient", "dht", "dhtclient", "dhtserver", "none", "delegated", "custom")
	oneOf("ipfs.Internal.Libp2pForceReachability", c.Internal.Libp2pForceReachability.WithDefault("public"), "public", "private")
	switch c.AutoNAT.ServiceMode {
	case kubo.AutoNATServiceUnset, kubo.AutoNATServiceEnabled, kubo.AutoNATServiceDisabled, kubo.AutoNATServiceEnabledV1Only:
	default:
		fs.add("ipfs.AutoNAT.ServiceMode", `must be "enabled", "disabled" or "legacy-v1"`)
	}
}

func checkIPNS(c *kubo.Config, fs *faults) {
	if c.Ipns.ResolveCacheSize < 0 {
		fs.add("ipfs.Ipns.ResolveCacheSize", "must not be negative")
	}
	if text := c.Ipns.RepublishPeriod; text != "" {
		d, err := time.ParseDuration(text)
		if err != nil || d < time.Minute || d > 24*time.Hour {
			fs.add("ipfs.Ipns.RepublishPeriod", "must be a duration between 1m and 24h")
		}
	}
	if text := c.Ipns.RecordLifetime; text != "" {
		if d, err := time.ParseDuration(text); err != nil || d <= 0 {
			fs.add("ipfs.Ipns.RecordLifetime", "must be a duration above 0, for example 48h")
		}
	}
}
