package config

import (
	"errors"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	kubo "github.com/ipfs/kubo/config"
)

// kuboDefault returns what a fresh kubo repository starts from.
func kuboDefault(t *testing.T) *kubo.Config {
	t.Helper()
	c, err := kubo.InitWithIdentity(kubo.Identity{PeerID: "p", PrivKey: "k"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// fromYAML reads settings through the real file reader.
func fromYAML(t *testing.T, text string) map[string]any {
	t.Helper()
	l := loader{sources: make(map[string]string)}
	if err := l.parse("underlay.yaml", []byte("ipfs:\n  "+strings.ReplaceAll(text, "\n", "\n  "))); err != nil || len(l.faults) > 0 {
		t.Fatal(err, l.faults.err())
	}
	return l.config.IPFS
}

func TestMergeIPFS(t *testing.T) {
	base := kuboDefault(t)
	base.Gateway.PublicGateways = map[string]*kubo.GatewaySpec{
		"kept.example": {Paths: []string{"/ipns"}, NoDNSLink: true}, "both.example": {Paths: []string{"/ipns"}, NoDNSLink: true},
	}
	err := MergeIPFS(base, fromYAML(t, `Pubsub.Enabled: true
Pubsub: {SeenMessagesTTL: 3m}
Ipns: {UsePubsub: true, RecordLifetime: 24h, MaxCacheTTL: null}
Routing: {LoopbackAddressesOnLanDHT: true, Type: dhtclient}
Gateway:
  PublicGateways:
    localhost: null
    both.example: {UseSubdomains: true, InlineDNSLink: false}
    new.example: {Paths: [/ipfs, /ipns]}
  HTTPHeaders: {X-A: [b]}
DNS.Resolvers: {eth.: https://r.example/dns-query}
Swarm:
  ConnMgr: {HighWater: 600, GracePeriod: 1m, Type: basic}
  ResourceMgr: {MaxMemory: 1GiB, MaxFileDescriptors: 4096}
  Transports: {Network: {QUIC: false}, Security: {TLS: false, Noise: 10}}
  RelayService: {MaxCircuits: 32}
Addresses: {Swarm: [/ip4/127.0.0.1/tcp/0], Announce: []}
AutoNAT: {ServiceMode: disabled, Throttle: {GlobalLimit: 3, Interval: 2m}}
Peering:
  Peers:
  - {ID: QmcZf59bWwK5XFi76CZX8cbJ4BhTzzA3gU1ZjYZcYW3dwt, Addrs: [/ip4/192.0.2.1/tcp/4001]}
Datastore: {Spec: {type: mem}, BlockKeyCacheSize: 100}
Internal: {Bitswap: {TaskWorkerCount: 4, BroadcastControl: {MaxPeers: 3}}}
Import: {CidVersion: 1, UnixFSHAMTDirectorySizeThreshold: 1MiB}
Plugins: {Plugins: {x: {Config: {a: [1, two]}}}}
Pinning:`))
	if err != nil {
		t.Fatal(err)
	}
	peer := base.Peering.Peers[0]
	for _, tt := range []struct {
		name      string
		got, want any
	}{
		{"Flag", base.Pubsub.Enabled, kubo.True},
		{"OptionalDuration pointer", base.Pubsub.SeenMessagesTTL.WithDefault(0), 3 * time.Minute},
		{"other Flag", base.Ipns.UsePubsub, kubo.True},
		{"text", base.Ipns.RecordLifetime, "24h"},
		{"null for a default", base.Ipns.MaxCacheTTL.IsDefault(), true},
		{"untouched neighbour", base.Ipns.ResolveCacheSize, 128},
		{"third Flag", base.Routing.LoopbackAddressesOnLanDHT, kubo.True},
		{"OptionalString", base.Routing.Type.WithDefault(""), "dhtclient"},
		{"map entry that is null", base.Gateway.PublicGateways["localhost"], (*kubo.GatewaySpec)(nil)},
		{"map entry untouched", *base.Gateway.PublicGateways["kept.example"], kubo.GatewaySpec{Paths: []string{"/ipns"}, NoDNSLink: true}},
		{"map entry merged", *base.Gateway.PublicGateways["both.example"],
			kubo.GatewaySpec{Paths: []string{"/ipns"}, NoDNSLink: true, UseSubdomains: true, InlineDNSLink: kubo.False}},
		{"map entry new", *base.Gateway.PublicGateways["new.example"], kubo.GatewaySpec{Paths: []string{"/ipfs", "/ipns"}}},
		{"map entries", len(base.Gateway.PublicGateways), 4},
		{"headers", base.Gateway.HTTPHeaders, map[string][]string{"X-A": {"b"}}},
		{"map of text merged", base.DNS.Resolvers, map[string]string{".": "auto", "eth.": "https://r.example/dns-query"}},
		{"OptionalInteger", base.Swarm.ConnMgr.HighWater.WithDefault(0), int64(600)},
		{"OptionalDuration", base.Swarm.ConnMgr.GracePeriod.WithDefault(0), time.Minute},
		{"OptionalBytes", base.Swarm.ResourceMgr.MaxMemory.WithDefault(0), uint64(1 << 30)},
		{"nested Flag", base.Swarm.Transports.Network.QUIC, kubo.False},
		{"Priority off", base.Swarm.Transports.Security.TLS, kubo.Disabled},
		{"Priority", base.Swarm.Transports.Security.Noise, kubo.Priority(10)},
		{"pointer that was nil", base.Swarm.RelayService.MaxCircuits.WithDefault(0), int64(32)},
		{"list replaced", base.Addresses.Swarm, []string{"/ip4/127.0.0.1/tcp/0"}},
		{"list emptied", len(base.Addresses.Announce), 0},
		{"text type", base.AutoNAT.ServiceMode, kubo.AutoNATServiceDisabled},
		{"struct pointer that was nil", base.AutoNAT.Throttle.GlobalLimit, 3},
		{"peer", peer.ID.String() + " " + peer.Addrs[0].String(), "QmcZf59bWwK5XFi76CZX8cbJ4BhTzzA3gU1ZjYZcYW3dwt /ip4/192.0.2.1/tcp/4001"},
		{"free-form replaced", base.Datastore.Spec, map[string]any{"type": "mem"}},
		{"OptionalInteger value", base.Datastore.BlockKeyCacheSize.WithDefault(0), int64(100)},
		{"deep", base.Internal.Bitswap.BroadcastControl.MaxPeers.WithDefault(0), int64(3)},
		{"OptionalBytes value", base.Import.UnixFSHAMTDirectorySizeThreshold.WithDefault(0), uint64(1 << 20)},
		{"anything", base.Plugins.Plugins["x"].Config, map[string]any{"a": []any{1.0, "two"}}},
		{"identity kept", base.Identity, kubo.Identity{PeerID: "p", PrivKey: "k"}},
	} {
		if !reflect.DeepEqual(tt.got, tt.want) {
			t.Errorf("%s: got %#v, want %#v", tt.name, tt.got, tt.want)
		}
	}
}

// TestMergeIPFSTwice: the peer merges on every start, over what the last start left behind.
func TestMergeIPFSTwice(t *testing.T) {
	settings := fromYAML(t, "Pubsub.Enabled: true\nAddresses: {Swarm: [/ip4/127.0.0.1/tcp/0]}\nGateway: {PublicGateways: {a.example: {Paths: [/ipfs]}}}")
	once, twice := kuboDefault(t), kuboDefault(t)
	for _, base := range []*kubo.Config{once, twice, twice} {
		if err := MergeIPFS(base, settings); err != nil {
			t.Fatal(err)
		}
	}
	if !reflect.DeepEqual(once, twice) {
		t.Errorf("once\n%+v\ntwice\n%+v", once, twice)
	}
}

func TestMergeIPFSRouters(t *testing.T) {
	base := kuboDefault(t)
	err := MergeIPFS(base, fromYAML(t, `Routing:
  Type: custom
  Routers:
    dht: {Type: dht, Parameters: {Mode: client, PublicIPNetwork: true}}
    all: {Type: parallel, Parameters: {Routers: [{RouterName: dht, Timeout: 3s}]}}
  Methods: {find-peers: {RouterName: all}}`))
	if err != nil {
		t.Fatal(err)
	}
	params, ok := base.Routing.Routers["dht"].Parameters.(*kubo.DHTRouterParams)
	if !ok || params.Mode != kubo.DHTModeClient || base.Routing.Methods[kubo.MethodNameFindPeers].RouterName != "all" {
		t.Errorf("routing is %+v", base.Routing)
	}
	err = MergeIPFS(base, fromYAML(t, `Routing:
  Routers:
    a: {Type: dht, Parameters: {mode: client}}
    b: {Type: parallel, Parameters: {Routers: [{RouterName: a, TimeOut: 3s}]}}
    c: {type: dht, Parameters: {}}`))
	wantLines(t, err,
		"ipfs.Routing.Routers.a.Parameters.mode: unknown setting of kubo, did you mean ipfs.Routing.Routers.a.Parameters.Mode?",
		"ipfs.Routing.Routers.b.Parameters.Routers[0].TimeOut: unknown setting of kubo, did you mean ipfs.Routing.Routers.b.Parameters.Routers[0].Timeout?",
		"ipfs.Routing.Routers.c.type: unknown setting of kubo, did you mean ipfs.Routing.Routers.c.Type?")
}

func TestMergeIPFSRefuses(t *testing.T) {
	tests := []struct{ name, settings, want string }{
		{"casing", "pubsub: {Enabled: true}", "ipfs.pubsub: unknown setting of kubo, did you mean ipfs.Pubsub?"},
		{"casing below", "Pubsub: {enabled: true}", "ipfs.Pubsub.enabled: unknown setting of kubo, did you mean ipfs.Pubsub.Enabled?"},
		{"dotted casing", "Pubsub.enabled: true", "ipfs.Pubsub.enabled: unknown setting of kubo, did you mean ipfs.Pubsub.Enabled?"},
		{"deep", "Swarm: {Transports: {Network: {Quick: true}}}",
			"ipfs.Swarm.Transports.Network.Quick: unknown setting of kubo, did you mean ipfs.Swarm.Transports.Network.QUIC?"},
		{"in a map", "Gateway: {PublicGateways: {a.example: {path: [/ipfs]}}}",
			"ipfs.Gateway.PublicGateways.a.example.path: unknown setting of kubo, did you mean ipfs.Gateway.PublicGateways.a.example.Paths?"},
		{"in a list", "Peering: {Peers: [{ID: QmcZf59bWwK5XFi76CZX8cbJ4BhTzzA3gU1ZjYZcYW3dwt, addrs: []}]}",
			"ipfs.Peering.Peers[0].addrs: unknown setting of kubo, did you mean ipfs.Peering.Peers[0].Addrs?"},
		{"below a value", "Pubsub: {Enabled: {x: 1}}", "ipfs.Pubsub.Enabled: failed to unmarshal"},
		{"nothing alike", "Frobnicate: 1", "ipfs.Frobnicate: unknown setting of kubo"},
		{"identity", "Identity: {PeerID: x}", "ipfs.Identity: is not a setting here: each peer makes its own identity"},
		{"API address", "Addresses: {API: /ip4/127.0.0.1/tcp/5001}", "ipfs.Addresses.API: is not a setting here: use api.listen"},
		{"gateway address", "Addresses.Gateway: []", "ipfs.Addresses.Gateway: is not a setting here: use gateway.listen"},
		{"old name", "Reprovider: {Interval: 1h}", "ipfs.Reprovider: is no longer read by kubo: use ipfs.Provide"},
		{"text for a list", "Addresses: {Swarm: /ip4/127.0.0.1/tcp/0}", "ipfs.Addresses.Swarm: must be a list, not text"},
		{"list for text", "Ipns: {RecordLifetime: [1h]}", "ipfs.Ipns.RecordLifetime: must be text, not a list"},
		{"number for text", "Datastore: {StorageMax: 10}", "ipfs.Datastore.StorageMax: must be text, not a number"},
		{"text for a number", "Ipns: {ResolveCacheSize: many}", "ipfs.Ipns.ResolveCacheSize: must be a whole number, not text"},
		{"text for a section", "Pubsub: on", "ipfs.Pubsub: must be a mapping of settings, not text"},
		{"text for a map", "DNS: {Resolvers: x}", "ipfs.DNS.Resolvers: must be a mapping of names to values, not text"},
		{"no value", "Ipns: {RecordLifetime: }", "ipfs.Ipns.RecordLifetime: has no value"},
		{"bad size", "Swarm: {ResourceMgr: {MaxMemory: lots}}", "ipfs.Swarm.ResourceMgr.MaxMemory: "},
		{"bad duration", "Swarm: {ConnMgr: {GracePeriod: 5}}", "ipfs.Swarm.ConnMgr.GracePeriod: "},
		{"bad flag", "Pubsub: {Enabled: 'yes'}", "ipfs.Pubsub.Enabled: failed to unmarshal"},
		{"negative priority", "Swarm: {Transports: {Security: {TLS: -3}}}", "ipfs.Swarm.Transports.Security.TLS: priority must be positive"},
		{"bad peer", "Peering: {Peers: [{ID: x}]}", "ipfs.Peering.Peers[0]: "},
		{"both forms", "Pubsub: {Enabled: true}\nPubsub.Enabled: false", "ipfs.Pubsub.Enabled: is set twice"},
		{"dots in a map key", "Gateway.PublicGateways.a.example.UseSubdomains: true",
			"ipfs.Gateway.PublicGateways.a.example.UseSubdomains: must be a mapping of settings, not true or false"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			base := kuboDefault(t)
			l := loader{sources: make(map[string]string)}
			if err := l.parse("f", []byte("ipfs:\n  "+strings.ReplaceAll(tt.settings, "\n", "\n  "))); err != nil {
				t.Fatal(err)
			}
			err := errors.Join(l.faults.err(), MergeIPFS(base, l.config.IPFS))
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error is %v, want one line that begins %q", err, tt.want)
			}
			if len(l.faults) == 0 && !reflect.DeepEqual(base, kuboDefault(t)) {
				t.Error("a refused merge changed the configuration")
			}
		})
	}
}

// TestCheckKubo: values on which kubo, or a library it hands them to, would end the process.
func TestCheckKubo(t *testing.T) {
	tests := []struct {
		settings string
		want     []string // settings at fault; none: fine
	}{
		{"Swarm: {Transports: {Network: {Relay: false}}}", nil},
		{"Swarm: {Transports: {Network: {Relay: false}}, RelayService: {Enabled: true}, RelayClient: {Enabled: true}}",
			[]string{"ipfs.Swarm.RelayService.Enabled", "ipfs.Swarm.RelayClient.Enabled"}},
		{"Swarm: {Transports: {Network: {Relay: false}}, EnableHolePunching: true}", []string{"ipfs.Swarm.EnableHolePunching"}},
		{"Swarm: {RelayClient: {Enabled: false}, EnableHolePunching: true}", []string{"ipfs.Swarm.EnableHolePunching"}},
		{"Swarm: {RelayClient: {Enabled: false}, EnableHolePunching: false}", nil},
		{"Swarm: {RelayClient: {Enabled: false}}", nil},
		{"Swarm: {Transports: {Multiplexers: {Yamux: false}}}", []string{"ipfs.Swarm.Transports.Multiplexers.Yamux"}},
		{"Experimental: {ShardingEnabled: true, StrategicProviding: true}",
			[]string{"ipfs.Experimental.ShardingEnabled", "ipfs.Experimental.StrategicProviding"}},
		{"Experimental: {ShardingEnabled: false}", nil},
		{"Experimental: {OptimisticProvideJobsPoolSize: -1}", []string{"ipfs.Experimental.OptimisticProvideJobsPoolSize"}},
		{"Internal: {UnixFSShardingSizeThreshold: 1MiB}", nil},
		{"Internal: {UnixFSShardingSizeThreshold: lots}", []string{"ipfs.Internal.UnixFSShardingSizeThreshold"}},
		{"Internal: {UnixFSShardingSizeThreshold: 1MiB}\nImport: {UnixFSHAMTDirectorySizeThreshold: 1MiB}",
			[]string{"ipfs.Internal.UnixFSShardingSizeThreshold"}},
		{"Internal: {Bitswap: {TaskWorkerCount: 0, EngineTaskWorkerCount: 0, EngineBlockstoreWorkerCount: -1, MaxOutstandingBytesPerPeer: -1}}",
			[]string{"ipfs.Internal.Bitswap.TaskWorkerCount", "ipfs.Internal.Bitswap.EngineBlockstoreWorkerCount",
				"ipfs.Internal.Bitswap.EngineTaskWorkerCount", "ipfs.Internal.Bitswap.MaxOutstandingBytesPerPeer"}},
		{"Internal: {Bitswap: {TaskWorkerCount: 1, MaxOutstandingBytesPerPeer: 0}}", nil},
		{"Internal: {Libp2pForceReachability: maybe}", []string{"ipfs.Internal.Libp2pForceReachability"}},
		{"Bitswap: {Libp2pEnabled: false}\nHTTPRetrieval: {Enabled: false}", []string{"ipfs.Bitswap.Libp2pEnabled"}},
		{"HTTPRetrieval: {MaxBlockSize: x}", []string{"ipfs.HTTPRetrieval.MaxBlockSize"}},
		{"Import: {CidVersion: 2}", []string{"ipfs.Import"}},
		{"Provide: {Strategy: everything}", []string{"ipfs.Provide"}},
		{"Provide: {Strategy: flat}", []string{"ipfs.Provide.Strategy"}},
		{"Provide: {DHT: {Interval: '0'}}", []string{"ipfs.Provide"}},
		{"Routing: {Type: delegated}", []string{"ipfs.Routing.Type"}},
		{"Routing: {Type: delegated}\nProvide: {Enabled: false}", nil},
		{"Routing: {Type: dth}", []string{"ipfs.Routing.Type"}},
		{"Swarm: {ConnMgr: {Type: fancy}}\nPubsub: {Router: floodsub, SeenMessagesStrategy: never}",
			[]string{"ipfs.Swarm.ConnMgr.Type", "ipfs.Pubsub.SeenMessagesStrategy"}},
		{"Pubsub: {Router: x}", []string{"ipfs.Pubsub.Router"}},
		{"Ipns: {ResolveCacheSize: -1, RepublishPeriod: 1s, RecordLifetime: x}",
			[]string{"ipfs.Ipns.ResolveCacheSize", "ipfs.Ipns.RepublishPeriod", "ipfs.Ipns.RecordLifetime"}},
		{"Ipns: {RepublishPeriod: 4h, RecordLifetime: 24h}", nil},
	}
	for _, tt := range tests {
		t.Run(tt.settings, func(t *testing.T) {
			var got []string
			for _, f := range mergeIPFS(kuboDefault(t), fromYAML(t, tt.settings)) {
				got = append(got, f.Setting)
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("at fault are %v, want %v", got, tt.want)
			}
		})
	}
}

// TestCheckKuboMode: no setting leads to this one, but kubo panics on it.
func TestCheckKuboMode(t *testing.T) {
	base := kuboDefault(t)
	base.AutoNAT.ServiceMode = 99
	if fs := checkKubo(base); len(fs) != 1 || fs[0].Setting != "ipfs.AutoNAT.ServiceMode" {
		t.Errorf("faults are %v", fs.err())
	}
}

// TestRefusedNamesExist guards against a kubo version that renames a setting we refuse or a field we look at.
func TestRefusedNamesExist(t *testing.T) {
	source, err := os.ReadFile("ipfs.go")
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`case "ipfs\.([A-Za-z.]+)"`).FindAllStringSubmatch(string(source), -1)
	if len(names) < 3 {
		t.Fatalf("found only %v", names)
	}
	for _, name := range names {
		if err := kubo.CheckKey(name[1]); err != nil {
			t.Errorf("kubo has no setting %s: %v", name[1], err)
		}
	}
}
