package config

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
)

// TestTableMatchesStruct: a field without a row or a row without a field is a mistake.
func TestTableMatchesStruct(t *testing.T) {
	var inStruct, inTable []string
	seen := make(map[string]string)
	for _, s := range Settings() {
		inStruct = append(inStruct, s.Path)
		if s.Doc == "" || strings.ContainsAny(s.Doc, "\n`") {
			t.Errorf("%s: doc %q must be one line without backquotes", s.Path, s.Doc)
		}
		for _, name := range []string{s.Env, s.Flag} {
			if other, taken := seen[name]; taken {
				t.Errorf("%s and %s are both called %s", s.Path, other, name)
			}
			seen[name] = s.Path
		}
		if section, _, ok := strings.Cut(s.Path, "."); ok && sectionDoc(section) == "" {
			t.Errorf("section %s has no doc", section)
		}
	}
	for _, r := range table() {
		inTable = append(inTable, r.path)
	}
	if !reflect.DeepEqual(inStruct, inTable) {
		t.Errorf("the struct has\n%v\nthe table has\n%v", inStruct, inTable)
	}
}

// TestDefaultsAreCanonical: what help shows as the default is what a printed configuration shows.
func TestDefaultsAreCanonical(t *testing.T) {
	c := Default(env(nil))
	for _, f := range fields() {
		n, err := f.node(&c)
		if err != nil {
			t.Fatal(err)
		}
		if f.Path != pathName && f.Path != pathDataDir && n.Value != f.Default {
			t.Errorf("%s: default %q prints as %q", f.Path, f.Default, n.Value)
		}
	}
}

func TestNames(t *testing.T) {
	for _, s := range Settings() {
		if s.Path == "cluster.ack_timeout" {
			if s.Env != "UNDERLAY_CLUSTER_ACK_TIMEOUT" || s.Flag != "cluster-ack-timeout" || s.Default != "1m0s" {
				t.Errorf("got %+v", s)
			}
			return
		}
	}
	t.Error("cluster.ack_timeout is missing")
}

const fullFile = `name: p1
data_dir: /srv/data
public_network: false
shutdown_timeout: 1m30s
drain_delay: 25s
gateway: {listen: "[::]:80", retrieval_timeout: 5s, max_concurrent_requests: 0, pinned_only: true, landing_page: /srv/page.html, robots_file: r.txt}
api: {listen: localhost:1, rest_listen: ""}
cluster:
  listen: :2
  secret: ` + testSecret + `
  peers: [a.example:3, "10.0.0.1:4"]
  announce: [p1.example:5]
  replication_min: 2
  replication_max: 3
  ack_replicas: 1
  ack_timeout: 5s
  heartbeat: 500ms
  pin_workers: 2
  tags: {zone: eu-1a, "0": "yes"}
log: {level: debug, format: json}
ipfs:
  Pubsub.Enabled: true
  Swarm: {ConnMgr: {HighWater: 600}, ResourceMgr: {MaxMemory: 1GiB}}
  Gateway: {PublicGateways: {localhost: null, gw.example: {Paths: [/ipfs], UseSubdomains: true}}}
  Bootstrap: []
`

func TestRoundTrip(t *testing.T) {
	first, err := loadFile(t, fullFile)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := first.WriteYAML(&out); err != nil {
		t.Fatal(err)
	}
	var kept []string
	for line := range strings.SplitSeq(out.String(), "\n") {
		if !strings.HasPrefix(line, "  secret: ") {
			kept = append(kept, line)
		}
	}
	second, err := loadFile(t, strings.Join(kept, "\n"))
	if err != nil {
		t.Fatalf("%v in\n%s", err, out.String())
	}
	first.Cluster.Secret, first.sources, second.sources = "", nil, nil
	if !reflect.DeepEqual(first, second) {
		t.Errorf("wrote %+v, read %+v", first, second)
	}

	at := -1
	for _, s := range Settings() {
		key := s.Path[strings.LastIndexByte(s.Path, '.')+1:]
		i := strings.Index(out.String(), "# "+s.Doc+"\n")
		if i <= at || !strings.HasPrefix(strings.TrimLeft(out.String()[i+len("# "+s.Doc):], "\n "), key+":") {
			t.Errorf("%s is out of order or without its comment in\n%s", s.Path, out.String())
		}
		at = i
	}
}

// TestPrintedSecretIsRefused: a printed configuration that is used as it is must not turn the placeholder into a secret.
func TestPrintedSecretIsRefused(t *testing.T) {
	c, err := loadFile(t, "cluster: {secret: "+testSecret+"}\nipfs: {API: {Authorizations: {me: {AuthSecret: abc}}}}\n")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := c.WriteYAML(&out); err != nil {
		t.Fatal(err)
	}
	_, err = loadFile(t, out.String())
	for _, want := range []string{"cluster.secret: must be 64", "ipfs.API.Authorizations.me.AuthSecret: is a placeholder"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want one with %q", err, want)
		}
	}
}
