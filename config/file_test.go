package config

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
)

func TestFileWithNothing(t *testing.T) {
	want := Default(env(nil))
	want.sources = map[string]string{}
	for name, content := range map[string]string{
		"empty": "", "comment": "# nothing\n", "null": "null\n", "marker": "---\n",
		"empty sections": "cluster:\n  peers:\n  tags:\ngateway:\nipfs:\n", "empty block": "ipfs: {}\nlog: {}\n",
	} {
		t.Run(name, func(t *testing.T) {
			c, err := loadFile(t, content)
			if len(c.IPFS) == 0 {
				c.IPFS = nil
			}
			c.sources = map[string]string{}
			if err != nil || !reflect.DeepEqual(c, want) {
				t.Errorf("got %+v, %v, want the defaults", c, err)
			}
		})
	}
}

func TestFileStrictness(t *testing.T) {
	tests := []struct {
		name, content string
		want          []string
	}{
		{"unknown key", "nmae: x\n", []string{"nmae: unknown setting, did you mean name? (underlay.yaml line 1)"}},
		{"unknown key in a section", "cluster:\n  listen: h:1\n  ack_timout: 3s\n",
			[]string{"cluster.ack_timout: unknown setting, did you mean cluster.ack_timeout? (underlay.yaml line 3)"}},
		{"other spelling", "cluster: {ackTimeout: 3s}\n",
			[]string{"cluster.ackTimeout: unknown setting, did you mean cluster.ack_timeout? (underlay.yaml line 1)"}},
		{"wrong section", "heartbeat: 3s\n",
			[]string{"heartbeat: unknown setting, did you mean cluster.heartbeat? (underlay.yaml line 1)"}},
		{"nothing like it", "frobnicate: 1\n", []string{"frobnicate: unknown setting (underlay.yaml line 1)"}},
		{"top key twice", "name: a\nname: b\n", []string{"name: is set twice, first at line 1 (underlay.yaml line 2)"}},
		{"key twice", "log:\n  level: info\n  level: warn\n",
			[]string{"log.level: is set twice, first at line 2 (underlay.yaml line 3)"}},
		{"kubo key twice", "ipfs:\n  Pubsub:\n    Enabled: true\n    Enabled: false\n",
			[]string{"ipfs.Pubsub.Enabled: is set twice, first at line 3 (underlay.yaml line 4)"}},
		{"kubo key in both forms", "ipfs:\n  Pubsub: {Enabled: true}\n  Pubsub.Enabled: true\n",
			[]string{"ipfs.Pubsub.Enabled: is set twice (underlay.yaml line 3)"}},
		{"list of settings", "- a\n", []string{"(the whole file): must be a mapping of names to values (underlay.yaml line 1)"}},
		{"section as text", "log: info\n", []string{"log: must be a mapping of names to values (underlay.yaml line 1)"}},
		{"section for a value", "name: {a: b}\n", []string{"name: must be a single value (underlay.yaml line 1)"}},
		{"no value", "name:\n", []string{`name: has no value, write "" for an empty one (underlay.yaml line 1)`}},
		{"alias", "name: &n x\ndata_dir: *n\n", []string{"data_dir: uses a YAML alias, write the value out (underlay.yaml line 2)"}},
		{"alias in ipfs", "name: &n x\nipfs: *n\n", []string{"ipfs: uses a YAML alias, write the value out (underlay.yaml line 2)"}},
		{"key that is no name", "{[a]: b}\n", []string{"(the whole file): has a key that is not a name (underlay.yaml line 1)"}},
		{"list in a list", "cluster: {peers: [[a]]}\n", []string{"cluster.peers: must be a single value (underlay.yaml line 1)"}},
		{"infinite number", "ipfs: {Swarm: {ConnMgr: {HighWater: .inf}}}\n",
			[]string{"ipfs.Swarm.ConnMgr.HighWater: must be a finite number (underlay.yaml line 1)"}},
		{"wrong kinds", "public_network: yep\nshutdown_timeout: 10\ncluster:\n  pin_workers: 1.5\n  tags: zone\nipfs: 3\n", []string{
			"public_network: must be true or false (underlay.yaml line 1)",
			"shutdown_timeout: must be a duration with its unit, for example 90s or 1m30s (underlay.yaml line 2)",
			"cluster.pin_workers: must be a whole number (underlay.yaml line 4)",
			"cluster.tags: must be a list of key=value, separated by commas (underlay.yaml line 5)",
			"ipfs: must be a mapping of kubo's settings (underlay.yaml line 6)",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := loadFile(t, tt.content)
			wantLines(t, err, tt.want...)
		})
	}
}

func TestFileIsNoYAML(t *testing.T) {
	for name, tt := range map[string]struct{ content, want string }{
		"two documents": {"name: a\n---\nname: b\n", "has a second document at line 2, must have one"},
		"syntax":        {"name: a\n  b: c\n", "line 2"},
		"broken second": {"name: a\n---\n{\n", "line"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := loadFile(t, tt.content)
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "underlay.yaml") {
				t.Errorf("error is %v, want one with the file and %q", err, tt.want)
			}
		})
	}
}

// FuzzParse feeds the reader anything. What it accepts must survive being written and read again.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"", "name: a\n", "cluster:\n  peers: [a:1, 'b:2']\n  tags: {zone: x, n: 1}\n  secret: " + testSecret + "\n",
		"ipfs:\n  Pubsub.Enabled: true\n  Swarm: {ConnMgr: {HighWater: 1e2}}\n", "ipfs: {Bootstrap: [a, ~, 1, 2001-01-01]}\n",
		"a: &a [*a]\n", "? [x]\n: y\n", "name: !!binary aGVsbG8=\n", "ipfs: {Gateway: {PublicGateways: {localhost: null}}}\n",
		"---\n---\n", "<<: {name: x}\n", "name: \"\\u2028\"\n", "cluster: {tags: {'': x}}\n", "ipfs: {a.b: {c: 1}, a: {b.c: 2}}\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		first, ok := parseForFuzz(data)
		if !ok {
			return
		}
		first.Cluster.Secret = ""
		var out bytes.Buffer
		if err := first.WriteYAML(&out); err != nil {
			t.Fatalf("write: %v", err)
		}
		if strings.Contains(out.String(), redacted) {
			return
		}
		second, ok := parseForFuzz(out.Bytes())
		if !ok {
			t.Fatalf("what was written is refused:\n%s", out.String())
		}
		var again bytes.Buffer
		if err := second.WriteYAML(&again); err != nil {
			t.Fatalf("write again: %v", err)
		}
		if out.String() != again.String() {
			t.Errorf("wrote\n%s\nthen\n%s", out.String(), again.String())
		}
	})
}

func parseForFuzz(data []byte) (Config, bool) {
	l := loader{config: Default(env(nil)), sources: make(map[string]string)}
	if err := l.parse("underlay.yaml", data); err != nil || len(l.faults) > 0 {
		return Config{}, false
	}
	return l.config, len(l.config.check()) == 0
}
