package config

import (
	"errors"
	"io/fs"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
)

func TestDefault(t *testing.T) {
	c, err := Load(LoadOptions{Getenv: env(nil)})
	if err != nil {
		t.Fatal(err)
	}
	if c.Name == "" {
		t.Error("name is empty, want the host's")
	}
	want := Config{
		Name: c.Name, DataDir: "/home/u/.underlay", PublicNetwork: true, ShutdownTimeout: 10 * time.Second,
		Gateway: Gateway{
			Listen:           "0.0.0.0:8080",
			TrustedHeaders:   []string{"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"},
			UnlimitedClients: []string{"127.0.0.0/8", "::1", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"},
			ClientRate:       100, ClientBurst: 500, ClientRequests: 256, ClientConnections: 256,
			MaxConnections: 8192, MaxConcurrentRequests: 1024, RetrievalTimeout: 30 * time.Second, MaxRequestDuration: 6 * time.Hour,
			MinSendRate: 4096, MaxReadPause: time.Minute,
			MaxPathLength: 8192, MaxPathDepth: 256, MaxHeaderBytes: 16384, MaxDirectoryEntries: 10000,
			DenylistInterval: time.Hour, DeniedStatus: 410,
		},
		API: API{Listen: "127.0.0.1:9095", RESTListen: "127.0.0.1:9094"},
		PSA: PSA{Listen: "127.0.0.1:9097"},
		Cluster: Cluster{
			Listen: "0.0.0.0:9096", ReplicationMin: -1, ReplicationMax: -1, AckReplicas: 2, AckTimeout: time.Minute,
			Heartbeat: time.Second, DeadAfter: 24 * time.Hour, RepinAfter: 30 * time.Minute, PinWorkers: 8,
		},
		Log: Log{Level: "info", Format: "text"},
	}
	c.sources = nil
	if !reflect.DeepEqual(c, want) {
		t.Errorf("defaults are\n%+v\nwant\n%+v", c, want)
	}
}

func TestWithoutHome(t *testing.T) {
	_, err := Load(LoadOptions{})
	wantLines(t, err, "data_dir: must not be empty; its default needs HOME to be set")
}

// TestPrecedence gives each setting in all ranks up to one and expects that one's value.
func TestPrecedence(t *testing.T) {
	tests := []struct {
		path            string
		file, env, flag string
		get             func(Config) any
		want            [3]any // after the file, after the environment too, after the flag too
	}{
		{"name", "a", "b", "c", func(c Config) any { return c.Name }, [3]any{"a", "b", "c"}},
		{"public_network", "false", "true", "false", func(c Config) any { return c.PublicNetwork }, [3]any{false, true, false}},
		{"shutdown_timeout", "1s", "2s", "3s", func(c Config) any { return c.ShutdownTimeout },
			[3]any{time.Second, 2 * time.Second, 3 * time.Second}},
		{"api.rest_listen", "h:1", "", "h:3", func(c Config) any { return c.API.RESTListen }, [3]any{"h:1", "", "h:3"}},
		{"cluster.pin_workers", "1", "2", "3", func(c Config) any { return c.Cluster.PinWorkers }, [3]any{1, 2, 3}},
		{"cluster.secret", testSecret, strings.Repeat("b", 64), strings.Repeat("c", 64),
			func(c Config) any { return string(c.Cluster.Secret) },
			[3]any{testSecret, strings.Repeat("b", 64), strings.Repeat("c", 64)}},
		{"cluster.peers", "[a:1, b:2]", "c:3,d:4", "e:5", func(c Config) any { return c.Cluster.Peers },
			[3]any{[]string{"a:1", "b:2"}, []string{"c:3", "d:4"}, []string{"e:5"}}},
		{"cluster.tags", "{zone: a}", "zone=b,rack=1", "zone=c", func(c Config) any { return c.Cluster.Tags },
			[3]any{map[string]string{"zone": "a"}, map[string]string{"zone": "b", "rack": "1"}, map[string]string{"zone": "c"}}},
	}
	for _, tt := range tests {
		t.Run(tt.path, func(t *testing.T) {
			content := tt.path + ": " + tt.file
			if section, key, ok := strings.Cut(tt.path, "."); ok {
				content = section + ":\n  " + key + ": " + tt.file
			}
			opts := LoadOptions{File: writeFile(t, content), Getenv: env(nil)}
			sources := [3]string{"underlay.yaml line ", "environment variable " + envName(tt.path), "flag --" + flagName(tt.path)}
			for rank := range 3 {
				if rank >= 1 {
					opts.Getenv = env(map[string]string{envName(tt.path): tt.env})
				}
				if rank >= 2 {
					opts.Flags = flags(t, "--"+flagName(tt.path)+"="+tt.flag)
				}
				c, err := Load(opts)
				if err != nil {
					t.Fatal(err)
				}
				if got := tt.get(c); !reflect.DeepEqual(got, tt.want[rank]) {
					t.Errorf("rank %d: got %v, want %v", rank, got, tt.want[rank])
				}
				if got := c.Source(tt.path); !strings.HasPrefix(got, sources[rank]) {
					t.Errorf("rank %d: source is %q, want %q", rank, got, sources[rank])
				}
			}
		})
	}
}

func TestFlags(t *testing.T) {
	fs := flags(t, "--public-network=false", "--cluster-peers", "a:1", "--cluster-peers=b:2,c:3",
		"--ipfs", "Pubsub.Enabled=true", "--ipfs=Ipns.RecordLifetime=24h", "--ipfs", `DNS.Resolvers={"eth.":"https://r.example/q"}`)
	c, err := Load(LoadOptions{Getenv: env(nil), Flags: fs})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"a:1", "b:2", "c:3"}; !reflect.DeepEqual(c.Cluster.Peers, want) || c.PublicNetwork {
		t.Errorf("peers %v, want %v; public network %v, want false", c.Cluster.Peers, want, c.PublicNetwork)
	}
	want := KuboSettings{
		"Pubsub": map[string]any{"Enabled": true}, "Ipns": map[string]any{"RecordLifetime": "24h"},
		"DNS": map[string]any{"Resolvers": map[string]any{"eth.": "https://r.example/q"}},
	}
	if !reflect.DeepEqual(c.IPFS, want) {
		t.Errorf("ipfs is %v, want %v", c.IPFS, want)
	}
	if c.Source("log.level") != "default" {
		t.Errorf("source of a flag that was not given is %q", c.Source("log.level"))
	}
}

func TestFlagWithoutValue(t *testing.T) {
	c, err := Load(LoadOptions{
		Getenv: env(map[string]string{"UNDERLAY_PUBLIC_NETWORK": "false"}), Flags: flags(t, "--public-network"),
	})
	if err != nil || !c.PublicNetwork {
		t.Errorf("--public-network gives %v, %v, want true", c.PublicNetwork, err)
	}
}

func TestHelp(t *testing.T) {
	fs := pflag.NewFlagSet("test", pflag.ContinueOnError)
	BindFlags(fs)
	help := fs.FlagUsages()
	for _, s := range Settings() {
		if !strings.Contains(help, "--"+s.Flag+" ") && !strings.Contains(help, "--"+s.Flag+"[") {
			t.Errorf("help lacks --%s:\n%s", s.Flag, help)
		}
		// A default of false is not shown, as usual.
		if !strings.Contains(help, s.Env) || s.Default != "false" && !strings.Contains(help, s.Default) {
			t.Errorf("help lacks %s or its default %q", s.Env, s.Default)
		}
	}
}

// TestIPFSMergesAcrossRanks: unlike other settings, the block adds up.
func TestIPFSMergesAcrossRanks(t *testing.T) {
	c, err := Load(LoadOptions{
		File: writeFile(t, "ipfs:\n  Swarm:\n    ConnMgr: {HighWater: 10, LowWater: 5}\n  Pubsub.Router: floodsub\n"),
		Getenv: env(map[string]string{
			"UNDERLAY_IPFS": `{"Swarm":{"ConnMgr":{"HighWater":20}},"Datastore":{"BlockKeyCacheSize":9007199254740993}}`,
		}),
		Flags: flags(t, "--ipfs", "Swarm.ConnMgr.HighWater=30", "--ipfs", "Pubsub.Enabled=true"),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := KuboSettings{
		"Swarm":     map[string]any{"ConnMgr": map[string]any{"HighWater": int64(30), "LowWater": 5}},
		"Pubsub":    map[string]any{"Router": "floodsub", "Enabled": true},
		"Datastore": map[string]any{"BlockKeyCacheSize": int64(9007199254740993)},
	}
	if !reflect.DeepEqual(c.IPFS, want) {
		t.Errorf("ipfs is %#v, want %#v", c.IPFS, want)
	}
	for path, want := range map[string]string{
		"ipfs.Swarm.ConnMgr.HighWater":     "flag --ipfs",
		"ipfs.Swarm.ConnMgr.LowWater":      "underlay.yaml line 3",
		"ipfs.Datastore.BlockKeyCacheSize": "environment variable UNDERLAY_IPFS",
		"ipfs.Pubsub.Router":               "underlay.yaml line 4",
	} {
		if got := c.Source(path); got != want {
			t.Errorf("source of %s is %q, want %q", path, got, want)
		}
	}
}

func TestWhichFile(t *testing.T) {
	one, two := writeFile(t, "name: one"), writeFile(t, "name: two")
	getenv := env(map[string]string{EnvFile: two})
	for file, want := range map[string]string{one: "one", "": "two"} {
		c, err := Load(LoadOptions{File: file, Getenv: getenv})
		if err != nil || c.Name != want {
			t.Errorf("file %q: name %q, %v, want %q", file, c.Name, err, want)
		}
	}
	_, err := Load(LoadOptions{File: one + ".missing", Getenv: env(map[string]string{"UNDERLAY_CLUSTER_HEARTBEAT": "x"})})
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), one+".missing") {
		t.Errorf("missing file: %v, want an error that names it", err)
	}
	var fault *Fault
	if !errors.As(err, &fault) || fault.Setting != "cluster.heartbeat" {
		t.Errorf("missing file hides other faults: %v", err)
	}
}
