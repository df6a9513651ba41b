package config

import (
	"reflect"
	"slices"
	"strings"
	"time"
)

// EnvFile names the settings file when the command line does not.
const EnvFile = "UNDERLAY_CONFIG"

// Paths that the code treats in a special way.
const (
	pathName    = "name"
	pathDataDir = "data_dir"
	pathIPFS    = "ipfs"
)

// Setting describes one setting: what it is called in each place and what it does.
type Setting struct {
	Path    string // in the file, sections joined by dots: cluster.ack_timeout
	Env     string // environment variable: UNDERLAY_CLUSTER_ACK_TIMEOUT
	Flag    string // flag without its dashes: cluster-ack-timeout
	Default string // as text; for name and data_dir a description of it
	Doc     string // one line
	Live    bool   // takes effect in a running peer that reads its settings again, see [Config.Reload]
	Kind    string // of its values, in a word or two
}

// row is a line of the table of settings; the names in Setting follow from the path.
type row struct{ path, def, doc string }

// table lists every setting in the order of the struct. A new setting is a field there and a row here.
func table() []row {
	return slices.Concat([]row{
		{"name", "the host's name", "Name of this peer, as people see it."},
		{"data_dir", "$HOME/.underlay", "Directory in which the peer keeps everything it stores."},
		{"public_network", "true", "Join the public IPFS network."},
		{"shutdown_timeout", "10s", "How long a clean stop may take, for example 10s or 1m."},
		{"drain_delay", "0s", "How long the listeners go on after /readyz and /health have turned 503, before a stop; about 25s behind a load balancer."},
		{"cloud", "", "Where the machine runs: ec2, which is then asked whether it ends the machine, so that the peer drains before; empty: nobody is asked."},
		{"gateway.listen", "0.0.0.0:8080", "Address of the gateway, host:port."},
		{"gateway.hosts", "", "What each host name serves: deserialised, subdomain, trustless, website or none. See docs/gateway-hosts.md."},
		{"gateway.root_redirect", "", "Where the path / leads, a path or a URL; empty: to a page that says what this is."},
		{"gateway.codec_conversion", "false", "Serve data in other codecs than it is stored in, such as UnixFS as dag-json."},
		{"gateway.routing_api", "false", "Serve the delegated routing API under /routing/v1 too, to anyone."},
	}, gatewayLimits(), []row{
		{"gateway.pinned_only", "false", "Serve only what the peers of the cluster hold, and answer 404 for all else without looking for it."},
		{"gateway.public_url", "", "Where people find the gateway, for links from the console; empty: the first host that gateway.hosts has, or the console's with the gateway's port."},
		{"gateway.landing_page", "", "File with HTML that is at /; empty: a page that explains the gateway."},
		{"gateway.robots_file", "", "File that is served as /robots.txt; empty: crawlers are asked to leave content alone."},
		{"gateway.denylist_dir", "", "Directory of denylists, files *.deny, read again when they change; empty: denylists in the data directory. See docs/content-policy.md."},
		{"gateway.denylists", "", "URLs of denylists to subscribe to, https://; a list that was fetched is kept."},
		{"gateway.denylist_interval", "1h0m0s", "How often those are asked for changes."},
		{"gateway.denied_status", "410", "Status for denied content when the rule asks for none: 410, or 451 for legal reasons."},
		{"gateway.purge_url", "", "URL that is told what was denied, so that a CDN forgets it; empty: nobody is. The same on all peers."},
		{"gateway.purge_token_file", "", "File with the bearer token for that URL, read again for each call."},
		{"gateway.cache_mib", "0", "Memory for files that are asked for often, in MiB; 0: a sixteenth of what there is, -1: none."},
		{"api.listen", "127.0.0.1:9095", "Address of the IPFS RPC and the cluster REST API, host:port."},
		{"api.rest_listen", "127.0.0.1:9094", "Second address for the REST API alone, host:port; empty turns it off."},
		{"api.admin_token", "", "Token that may do everything on this peer, at least 32 characters; empty: none. See docs/access.md."},
		{"api.admin_token_file", "", "File that holds the admin token instead."},
		{"api.metrics_token_file", "", "File with a token that may read this peer's metrics and nothing else, at least 32 characters; empty: none."},
		{"api.trust_network", "false", "Whoever reaches the private listeners may do everything, also off loopback, as long as there is no credential."},
		{"api.tls_cert", "", "Certificate of the private listeners, a file in PEM form that is read again when it changes; empty: no TLS."},
		{"api.tls_key", "", "Key of that certificate, a file in PEM form."},
		{"api.tls_client_ca", "", "Authorities of client certificates, a file in PEM form; with it every client must show one."},
		{"psa.listen", "127.0.0.1:9097", "Address of the Pinning Service API, which api.listen has under /psa/ too, host:port; empty turns it off."},
		{"cluster.listen", "0.0.0.0:9096", "Address other cluster peers connect to, host:port."},
		{"cluster.secret", "", "Secret all peers share, 64 hexadecimal digits; empty: generated on first start and kept in the data directory."},
		{"cluster.secret_file", "", "File that holds the secret instead."},
		{"cluster.peers", "", "Where other peers may be: host:port, dns:NAME:PORT, srv:NAME, file:PATH, ec2:TAG=VALUE,...:PORT; empty: a cluster of one."},
		{"cluster.bootstrap_expect", "0", "How many first members a new cluster has; 0: one at each of cluster.peers, which then must be host:port."},
		{"cluster.genesis", "", "Record of the first members that all peers reach, ssm:NAME for a parameter of AWS Systems Manager; empty: they agree among themselves."},
		{"cluster.announce", "", "Addresses at which others should reach this peer, host:port; empty: those it finds."},
		{"cluster.replication_min", "-1", "How many peers must hold a pin; -1 means every peer."},
		{"cluster.replication_max", "-1", "How many peers should hold a pin; -1 means every peer."},
		{"cluster.ack_replicas", "2", "How many peers hold the data before a pin is answered; fewer if fewer are allocated."},
		{"cluster.ack_timeout", "1m0s", "How long a request waits for those peers while they make no progress."},
		{"cluster.heartbeat", "1s", "Heartbeat and election timeout of the consensus, at least 5ms."},
		{"cluster.dead_after", "24h0m0s", "How long a member may be away before it is removed, if three voters remain; 0s means for ever."},
		{"cluster.repin_after", "30m0s", "How long a member may be away before pins with fewer holders than their least number get others; 0s means for ever."},
		{"cluster.pin_workers", "8", "How many pins this peer fetches at once."},
		{"cluster.slot", "", "Place in the cluster that this peer fills: a new peer of the same slot replaces it when its machine is gone; empty: none does."},
		{"cluster.tags", "", "What the allocator should know about this peer, for example zone: eu-1a."},
		{"log.level", "info", "Least level that this program logs: debug, info, warn or error; its libraries log errors alone."},
		{"log.levels", "", "Levels of single loggers, the libraries' too, for example bitswap: debug; ipfs log ls lists them."},
		{"log.format", "text", "Form of a log line: text or json."},
		{"ipfs", "", "Kubo's own settings by kubo's names, for example Pubsub.Enabled: true."},
	})
}

// sectionDoc is the comment above a section of a printed configuration.
func sectionDoc(path string) string {
	switch path {
	case "gateway":
		return "The public gateway."
	case "api":
		return "The private listeners. Without credentials, whoever reaches them controls the peer."
	case "psa":
		return "The pinning service, for which the settings of the private listeners hold, too."
	case "cluster":
		return "The cluster peer: who the others are and how pins are replicated."
	case "log":
		return "The log, on standard error."
	case pathIPFS:
		return "The IPFS node."
	}
	return ""
}

// Settings lists every setting in the order of the file.
func Settings() []Setting {
	fs := fields()
	settings := make([]Setting, len(fs))
	for i, f := range fs {
		settings[i] = f.Setting
	}
	return settings
}

// field is a setting together with its place in Config.
type field struct {
	Setting
	index []int
}

// value returns the field in c, to be read or set.
func (f field) value(c *Config) reflect.Value { return reflect.ValueOf(c).Elem().FieldByIndex(f.index) }

// fields walks Config and joins what it finds with the table.
func fields() []field {
	live := make(map[string]bool)
	for _, path := range liveSettings() {
		live[path] = true
	}
	rows := make(map[string]row)
	for _, r := range table() {
		rows[r.path] = r
	}
	var found []field
	var walk func(t reflect.Type, prefix string, index []int)
	walk = func(t reflect.Type, prefix string, index []int) {
		for i := range t.NumField() {
			sf := t.Field(i)
			key := sf.Tag.Get("yaml")
			if key == "" {
				continue
			}
			path, at := prefix+key, append(append([]int(nil), index...), i)
			if sf.Type.Kind() == reflect.Struct {
				walk(sf.Type, path+".", at)
				continue
			}
			r := rows[path]
			found = append(found, field{index: at, Setting: Setting{
				Path: path, Env: envName(path), Flag: flagName(path), Default: r.def, Doc: r.doc, Live: live[path], Kind: kindOfSetting(sf.Type),
			}})
		}
	}
	walk(reflect.TypeFor[Config](), "", nil)
	return found
}

// kindOfSetting says what values of a type are like.
func kindOfSetting(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[time.Duration]():
		return "duration"
	case reflect.TypeFor[KuboSettings]():
		return "object"
	case reflect.TypeFor[Secret]():
		return "secret"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return "number"
	case reflect.Slice:
		return "list"
	case reflect.Map:
		return "map"
	default:
		return "text"
	}
}

// envName derives the environment variable: cluster.ack_timeout becomes UNDERLAY_CLUSTER_ACK_TIMEOUT.
func envName(path string) string {
	return "UNDERLAY_" + strings.ToUpper(strings.ReplaceAll(path, ".", "_"))
}

// flagName derives the flag: cluster.ack_timeout becomes cluster-ack-timeout.
func flagName(path string) string { return strings.NewReplacer(".", "-", "_", "-").Replace(path) }
