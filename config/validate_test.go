package config

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// TestEveryFaultAtOnce breaks settings in every rank and by every means.
func TestEveryFaultAtOnce(t *testing.T) {
	file := writeFile(t, `nmae: x
name: ""
gateway:
  listen: nowhere
  retrieval_timeout: 0s
cluster:
  peers:
    - a.example:1
    - b.example
log: {format: xml}
ipfs:
  Pubsub:
    Enabld: true
  Swarm: {ConnMgr: {HighWater: lots}}
`)
	_, err := Load(LoadOptions{
		File: file,
		Getenv: env(map[string]string{
			"UNDERLAY_CLUSTER_SECRET": "0123456789", "UNDERLAY_CLUSTER_HEARTBEAT": "soon", "UNDERLAY_IPFS": "[]",
		}),
		Flags: flags(t, "--cluster-ack-replicas=0", "--cluster-pin-workers=x", "--ipfs", "Ipns.RecordLifetime=1", "--ipfs", "x"),
	})
	wantLines(t, err,
		"nmae: unknown setting, did you mean name? (underlay.yaml line 1)",
		"cluster.heartbeat: must be a duration with its unit, for example 90s or 1m30s (environment variable UNDERLAY_CLUSTER_HEARTBEAT)",
		`ipfs: must be a JSON object, for example {"Pubsub":{"Enabled":true}} (environment variable UNDERLAY_IPFS)`,
		"cluster.pin_workers: must be a whole number (flag --cluster-pin-workers)",
		"ipfs: must be name=value, for example Pubsub.Enabled=true (flag --ipfs)",
		"name: must not be empty (underlay.yaml line 2)",
		"gateway.retrieval_timeout: must be above 0, is 0s (underlay.yaml line 5)",
		"gateway.listen: must be host:port, for example 127.0.0.1:9095 or [::1]:9095 (underlay.yaml line 4)",
		"cluster.secret: must be 64 hexadecimal digits, has 10 (environment variable UNDERLAY_CLUSTER_SECRET)",
		"cluster.peers[1]: must be host:port, for example 127.0.0.1:9095 or [::1]:9095 (underlay.yaml line 8)",
		"cluster.ack_replicas: must be at least 1, is 0 (flag --cluster-ack-replicas)",
		`log.format: must be "text" or "json" (underlay.yaml line 10)`,
		"ipfs.Ipns.RecordLifetime: must be text, not a number (flag --ipfs)",
		"ipfs.Pubsub.Enabld: unknown setting of kubo, did you mean ipfs.Pubsub.Enabled? (underlay.yaml line 13)",
		"ipfs.Swarm.ConnMgr.HighWater: must be a whole number, not text (underlay.yaml line 14)",
	)
	var fault *Fault
	if !errors.As(err, &fault) || fault.Setting != "nmae" || fault.Source != "underlay.yaml line 1" {
		t.Errorf("first fault is %+v", fault)
	}
}

func TestValidate(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Config)
		want   []string
	}{
		{"defaults", func(*Config) {}, nil},
		{"control character", func(c *Config) { c.Name = "a\nb" }, []string{"name: must not contain control characters"}},
		{"name is no UTF-8", func(c *Config) { c.Name = "\xff" }, []string{"name: must not contain control characters"}},
		{"zero byte", func(c *Config) { c.DataDir = "a\x00" }, []string{"data_dir: must not contain a zero byte"}},
		{"durations", func(c *Config) {
			c.ShutdownTimeout, c.Cluster.AckTimeout, c.Cluster.Heartbeat = -1, 0, time.Millisecond
		}, []string{
			"shutdown_timeout: must be above 0, is -1ns", "cluster.ack_timeout: must be above 0, is 0s",
			"cluster.heartbeat: must be at least 5ms, is 1ms"}},
		{"counts", func(c *Config) { c.Gateway.MaxConcurrentRequests, c.Cluster.PinWorkers = -1, 0 }, []string{
			"gateway.max_concurrent_requests: must be 0 or above, is -1", "cluster.pin_workers: must be at least 1, is 0"}},
		{"drain delay", func(c *Config) { c.DrainDelay = -1 }, []string{"drain_delay: must not be negative, is -1ns"}},
		{"cache below", func(c *Config) { c.Gateway.CacheMiB = -2 }, []string{"gateway.cache_mib: must be -1 or above, is -2"}},
		{"no cache", func(c *Config) { c.Gateway.CacheMiB = -1 }, nil},
		{"secret of other letters", func(c *Config) { c.Cluster.Secret = Secret(strings.Repeat("x", 64)) },
			[]string{"cluster.secret: must be 64 hexadecimal digits, has other characters among them"}},
		{"secret", func(c *Config) { c.Cluster.Secret = testSecret }, nil},
		{"replicas zero", func(c *Config) { c.Cluster.ReplicationMin = 0 },
			[]string{"cluster.replication_min: must be -1 for every peer, or above 0, is 0"}},
		{"replicas below", func(c *Config) { c.Cluster.ReplicationMin, c.Cluster.ReplicationMax = -2, -3 }, []string{
			"cluster.replication_min: must be -1 for every peer, or above 0, is -2",
			"cluster.replication_max: must be -1 for every peer, or above 0, is -3"}},
		{"replicas mixed", func(c *Config) { c.Cluster.ReplicationMin = 2 }, []string{
			"cluster.replication_min: and cluster.replication_max must both be -1 or both be above 0, are 2 and -1"}},
		{"replicas swapped", func(c *Config) { c.Cluster.ReplicationMin, c.Cluster.ReplicationMax = 3, 2 }, []string{
			"cluster.replication_min: must not exceed cluster.replication_max, is 3 and that is 2"}},
		{"replicas", func(c *Config) { c.Cluster.ReplicationMin, c.Cluster.ReplicationMax = 2, 2 }, nil},
		{"peers", func(c *Config) {
			c.Cluster.Peers = []string{"a:1", "a:1", ":1", "0.0.0.0:1", "[::]:1", "b:0", "b:65536", "c d:1", "1.2.3:4", "[fe80::1%eth0]:1"}
		}, []string{
			"cluster.peers[1]: is in the list twice", "cluster.peers[2]: must name a host that others can reach",
			"cluster.peers[3]: must name a host that others can reach", "cluster.peers[4]: must name a host that others can reach",
			"cluster.peers[5]: must have a port from 1 to 65535", "cluster.peers[6]: must have a port from 0 to 65535",
			"cluster.peers[7]: has a host that is neither a name nor an address",
			"cluster.peers[8]: has a host that is neither a name nor an address"}},
		{"places", func(c *Config) {
			c.Cluster.Peers = []string{"dns:x:0", "a:1", "ec2:role:1", "file:x", "srv:"}
			c.Cluster.Genesis = "s3:x"
		}, []string{
			"cluster.peers[0]: must have a port from 1 to 65535", `cluster.peers[2]: must be ec2:TAG=VALUE,...:PORT; "role" is no tag with a value`,
			"cluster.peers[3]: must be file:PATH with an absolute path",
			"cluster.peers[4]: must be srv:NAME, for example srv:_underlay._tcp.example.org",
			"cluster.genesis: must be ssm:NAME, for example ssm:/underlay/genesis"}},
		{"places without a number", func(c *Config) { c.Cluster.Peers = []string{"dns:x:1"} }, []string{
			"cluster.bootstrap_expect: must say how many first members a new cluster has, since cluster.peers are not all host:port"}},
		{"number without places", func(c *Config) { c.Cluster.BootstrapExpect = 3 },
			[]string{"cluster.bootstrap_expect: needs cluster.peers, where the others may be"}},
		{"number below", func(c *Config) { c.Cluster.BootstrapExpect = -1 },
			[]string{"cluster.bootstrap_expect: must not be negative, is -1"}},
		{"places and number", func(c *Config) {
			c.Cluster.Peers, c.Cluster.BootstrapExpect, c.Cluster.Genesis = []string{"ec2:role=peer:9096"}, 3, "ssm:/underlay/genesis"
		}, nil},
		{"announce", func(c *Config) { c.Cluster.Announce = []string{"x"} },
			[]string{"cluster.announce[0]: must be host:port, for example 127.0.0.1:9095 or [::1]:9095"}},
		{"tags", func(c *Config) { c.Cluster.Tags = map[string]string{"zone": "a\tb"} },
			[]string{"cluster.tags: must have names, and no control characters"}},
		{"slot", func(c *Config) { c.Cluster.Slot = "a\n" }, []string{"cluster.slot: must not contain control characters"}},
		{"log", func(c *Config) { c.Log = Log{Level: "INFO"} }, []string{
			`log.level: must be "debug", "info", "warn" or "error"`, `log.format: must be "text" or "json"`}},
		{"log levels", func(c *Config) { c.Log.Levels = map[string]string{"bitswap": "loud", "core": "fatal"} },
			[]string{`log.levels: must be "debug", "info", "warn", "error", "dpanic", "panic" or "fatal"`}},
		{"policy", func(c *Config) {
			c.Gateway.Denylists = []string{"https://lists.example/a.deny", "http://127.0.0.1:8000/b.deny", "https://lists.example/a.deny", "http://lists.example/c.deny"}
			c.Gateway.DenylistInterval, c.Gateway.DeniedStatus, c.Gateway.PurgeURL, c.Gateway.PurgeTokenFile = 0, 404, "cdn.example", "f"
			c.Gateway.PublicURL = "javascript:alert(1)//x"
		}, []string{
			`gateway.denylists: has "https://lists.example/a.deny" twice`,
			`gateway.denylists: must be URLs that begin with https://, not "http://lists.example/c.deny"`,
			"gateway.denylist_interval: must be above 0, is 0s", "gateway.denied_status: must be 410 or 451, is 404",
			"gateway.purge_url: must be a URL that begins with https:// or http://",
			"gateway.public_url: must be a URL that begins with https:// or http://"}},
		{"purge token without a URL", func(c *Config) { c.Gateway.PurgeTokenFile = "f" },
			[]string{"gateway.purge_token_file: needs gateway.purge_url"}},
		{"kubo", func(c *Config) {
			c.IPFS = KuboSettings{"Swarm.EnableHolePunching": true, "Swarm.RelayClient.Enabled": false}
		},
			[]string{"ipfs.Swarm.EnableHolePunching: needs ipfs.Swarm.RelayClient.Enabled to be true"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := Default(env(nil))
			tt.change(&c)
			wantLines(t, c.Validate(), tt.want...)
		})
	}
}

func TestAccess(t *testing.T) {
	long := Secret(strings.Repeat("x", minToken))
	tests := []struct {
		name string
		api  API
		want []string
	}{
		{"token", API{AdminToken: long}, nil},
		{"short token", API{AdminToken: "secret"}, []string{"api.admin_token: must have at least 32 characters, has 6"}},
		{"blank in token", API{AdminToken: long + " x"}, []string{"api.admin_token: must be made of letters, digits and signs of ASCII, without blanks"}},
		{"two tokens", API{AdminToken: long, AdminTokenFile: "f"}, []string{"api.admin_token_file: excludes api.admin_token"}},
		{"certificate without key", API{TLSCert: "c"}, []string{"api.tls_key: is needed with api.tls_cert, and the other way round"}},
		{"authority without certificate", API{TLSClientCA: "a"}, []string{"api.tls_client_ca: needs api.tls_cert and api.tls_key"}},
		{"TLS", API{TLSCert: "c", TLSKey: "k", TLSClientCA: "a"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := Default(env(nil))
			tt.api.Listen, tt.api.RESTListen = c.API.Listen, c.API.RESTListen
			c.API = tt.api
			wantLines(t, c.Validate(), tt.want...)
		})
	}
}

func TestExposed(t *testing.T) {
	for addr, want := range map[string]bool{
		"127.0.0.1:1": false, "localhost:1": false, "[::1]:1": false, "127.1.2.3:1": false, "[::ffff:127.0.0.1]:1": false,
		":1": true, "0.0.0.0:1": true, "[::]:1": true, "10.0.0.1:1": true, "localhost.example:1": true, "nonsense": true, "": false,
	} {
		if got := len(Config{API: API{Listen: "127.0.0.1:9"}, PSA: PSA{Listen: addr}}.Exposed()) > 0; got != want {
			t.Errorf("%q is exposed: %t, want %t", addr, got, want)
		}
	}
}

func TestListeners(t *testing.T) {
	tests := []struct {
		name, gateway, api, rest, cluster string
		want                              []string
	}{
		{"same port, other hosts", "127.0.0.1:1", "127.0.0.2:1", "[::1]:1", "192.0.2.1:1", nil},
		{"port 0", ":0", ":0", ":0", ":0", nil},
		{"REST off", ":1", ":2", "", ":3", nil},
		{"same", ":1", ":2", "x:1", "y:2", []string{
			"api.rest_listen: uses port 1, as gateway.listen does", "cluster.listen: uses port 2, as api.listen does"}},
		{"wildcard", "0.0.0.0:1", "127.0.0.1:1", "[::1]:1", "h:1", []string{
			"api.listen: uses port 1, as gateway.listen does", "cluster.listen: uses port 1, as gateway.listen does"}},
		{"both families", "127.0.0.1:1", "[::1]:2", "[::]:1", "[::]:2", []string{
			"api.rest_listen: uses port 1, as gateway.listen does", "cluster.listen: uses port 2, as api.listen does"}},
		{"localhost", "localhost:1", "127.0.0.1:1", "127.0.0.1:3", "localhost:3", []string{
			"api.listen: uses port 1, as gateway.listen does", "cluster.listen: uses port 3, as api.rest_listen does"}},
		{"bad", "", "h", "h:-1", "h:http", []string{
			"gateway.listen: must be host:port, for example 127.0.0.1:9095 or [::1]:9095",
			"api.listen: must be host:port, for example 127.0.0.1:9095 or [::1]:9095",
			"api.rest_listen: must have a port from 0 to 65535", "cluster.listen: must have a port from 0 to 65535"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := Default(env(nil))
			c.Gateway.Listen, c.API.Listen, c.API.RESTListen, c.Cluster.Listen = tt.gateway, tt.api, tt.rest, tt.cluster
			wantLines(t, c.Validate(), tt.want...)
		})
	}
}
