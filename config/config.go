package config

import (
	"os"
	"path/filepath"
	"time"
)

// Config is the whole configuration of one peer. [Load] fills it; the zero value is not usable, [Default] is.
type Config struct {
	// Name is the peer's name as people see it. Not empty, no control characters.
	Name string `yaml:"name"`
	// DataDir is where the peer keeps everything it stores.
	DataDir string `yaml:"data_dir"`
	// PublicNetwork says whether the IPFS node joins the public network.
	PublicNetwork bool `yaml:"public_network"`
	// ShutdownTimeout bounds a clean stop.
	ShutdownTimeout time.Duration `yaml:"shutdown_timeout"`
	// DrainDelay is how long the listeners go on after they have told load balancers that the peer stops.
	DrainDelay time.Duration `yaml:"drain_delay"`
	// Cloud is where the machine runs: ec2, which is asked whether the machine is about to end, or empty for nowhere special.
	Cloud string `yaml:"cloud"`
	// Gateway holds the settings of the public gateway.
	Gateway Gateway `yaml:"gateway"`
	// API holds the settings of the private listeners.
	API API `yaml:"api"`
	// PSA holds the settings of the pinning service.
	PSA PSA `yaml:"psa"`
	// Cluster holds the settings of the cluster peer.
	Cluster Cluster `yaml:"cluster"`
	// Log holds the settings of the log.
	Log Log `yaml:"log"`
	// IPFS holds kubo's own settings, nested, by kubo's names. See [MergeIPFS].
	IPFS KuboSettings `yaml:"ipfs"`

	// sources says where each value came from, by path; absent means the default. It is shared between copies and
	// never written after Load.
	sources map[string]string
}

// Gateway configures the public IPFS gateway.
type Gateway struct {
	// Listen is the address it listens on, host:port.
	Listen string `yaml:"listen"`
	// Hosts says what is served to requests for which host name, on top of kubo's own Gateway.PublicGateways. A name may
	// begin with *., which stands for one label; * alone stands for all hosts that are not named.
	Hosts map[string]Host `yaml:"hosts"`
	// RootRedirect is where / leads; empty: to a page that says what this is.
	RootRedirect string `yaml:"root_redirect"`
	// CodecConversion serves data in other codecs than it is stored in.
	CodecConversion bool `yaml:"codec_conversion"`
	// RoutingAPI serves /routing/v1 too.
	RoutingAPI bool `yaml:"routing_api"`
	// TrustedProxies are the addresses and prefixes of balancers that say for whom they ask.
	TrustedProxies []string `yaml:"trusted_proxies"`
	// TrustedHeaders are the headers that all of them set themselves and do not merely pass on.
	TrustedHeaders []string `yaml:"trusted_headers"`
	// UnlimitedClients are addresses and prefixes for which the bounds of a single client do not hold.
	UnlimitedClients []string `yaml:"unlimited_clients"`
	// ClientRate is how many requests a second a client may send on average; 0 means any number.
	ClientRate int `yaml:"client_rate"`
	// ClientBurst is how many of them may come at once.
	ClientBurst int `yaml:"client_burst"`
	// ClientRequests bounds a client's requests in progress; 0 means no bound.
	ClientRequests int `yaml:"client_requests"`
	// ClientConnections bounds a client's connections; 0 means no bound.
	ClientConnections int `yaml:"client_connections"`
	// MaxConnections bounds the connections of all clients; 0 means no bound.
	MaxConnections int `yaml:"max_connections"`
	// MaxConcurrentRequests bounds the requests that wait for content or send it; 0 leaves it to the node's settings.
	MaxConcurrentRequests int `yaml:"max_concurrent_requests"`
	// RetrievalTimeout bounds the wait for the first byte and for more content to send.
	RetrievalTimeout time.Duration `yaml:"retrieval_timeout"`
	// MaxRequestDuration bounds an answer as a whole.
	MaxRequestDuration time.Duration `yaml:"max_request_duration"`
	// MinSendRate is how many bytes a second a client must read on the whole; 0 means any number.
	MinSendRate int `yaml:"min_send_rate"`
	// MaxReadPause is how long a client may stop reading.
	MaxReadPause time.Duration `yaml:"max_read_pause"`
	// MaxPathLength bounds the address of a request in bytes.
	MaxPathLength int `yaml:"max_path_length"`
	// MaxPathDepth bounds the parts of its path.
	MaxPathDepth int `yaml:"max_path_depth"`
	// MaxHeaderBytes bounds its header.
	MaxHeaderBytes int `yaml:"max_header_bytes"`
	// MaxFileSize bounds what is sent as files and pages, in bytes; 0 means no bound.
	MaxFileSize int `yaml:"max_file_size"`
	// MaxResponseSize bounds what is sent in any format, in bytes; 0 means no bound.
	MaxResponseSize int `yaml:"max_response_size"`
	// MaxRangeFileSize bounds the files of which ranges are served, in bytes; 0 leaves it to the node's settings.
	MaxRangeFileSize int `yaml:"max_range_file_size"`
	// MaxDirectoryEntries bounds what a listing of a directory shows.
	MaxDirectoryEntries int `yaml:"max_directory_entries"`
	// PinnedOnly serves only what the cluster holds, and looks for nothing elsewhere.
	PinnedOnly bool `yaml:"pinned_only"`
	// PublicURL is where people find the gateway, for links from the console; empty: the first of Hosts that serves content, or
	// the port of Listen at the host at which they find the console.
	PublicURL string `yaml:"public_url"`
	// LandingPage is what is at /, a file with HTML; empty takes a page that explains the gateway.
	LandingPage string `yaml:"landing_page"`
	// RobotsFile is served as /robots.txt; empty: crawlers are asked to leave content alone.
	RobotsFile string `yaml:"robots_file"`
	// DenylistDir has the operator's denylists, *.deny; empty means the directory denylists in the data directory.
	DenylistDir string `yaml:"denylist_dir"`
	// Denylists are URLs of lists that are fetched.
	Denylists []string `yaml:"denylists"`
	// DenylistInterval is how often those are fetched.
	DenylistInterval time.Duration `yaml:"denylist_interval"`
	// DeniedStatus answers requests for denied content when the rule asks for none: 410 or 451.
	DeniedStatus int `yaml:"denied_status"`
	// PurgeURL is told what was denied, so that a CDN forgets it; empty: nobody is.
	PurgeURL string `yaml:"purge_url"`
	// PurgeTokenFile is a file with the bearer token for PurgeURL.
	PurgeTokenFile string `yaml:"purge_token_file"`
	// CacheMiB is how much memory hot files may take, in MiB; 0 means a sixteenth of what there is, -1 none.
	CacheMiB int `yaml:"cache_mib"`
}

// API configures the private listeners.
type API struct {
	// Listen is the address of the IPFS RPC and the cluster REST API, host:port.
	Listen string `yaml:"listen"`
	// RESTListen is a second address for the REST API alone, host:port; empty turns it off.
	RESTListen string `yaml:"rest_listen"`
	// AdminToken may do everything on this peer; empty: there is none. At least 32 characters.
	AdminToken Secret `yaml:"admin_token"`
	// AdminTokenFile is a file that holds it instead.
	AdminTokenFile string `yaml:"admin_token_file"`
	// MetricsTokenFile is a file with the token that may read the metrics of this peer and nothing else; empty: there is none.
	MetricsTokenFile string `yaml:"metrics_token_file"`
	// TrustNetwork says that whoever reaches the listeners may do everything as long as there is no credential.
	TrustNetwork bool `yaml:"trust_network"`
	// TLSCert and TLSKey are files in PEM form; with both the listeners speak HTTPS only.
	TLSCert string `yaml:"tls_cert"`
	// TLSKey belongs to TLSCert.
	TLSKey string `yaml:"tls_key"`
	// TLSClientCA is a file of authorities in PEM form, one of which must have signed a client's certificate.
	TLSClientCA string `yaml:"tls_client_ca"`
}

// PSA configures the pinning service.
type PSA struct {
	// Listen is the address of the Pinning Service API alone, host:port; empty turns that listener off.
	Listen string `yaml:"listen"`
}

// Cluster configures the cluster peer.
type Cluster struct {
	// Listen is the address other cluster peers connect to, host:port.
	Listen string `yaml:"listen"`
	// Secret keeps strangers out: 64 hexadecimal digits, the same on every peer. Empty means that the peer generates
	// one on its first start and keeps it in the data directory.
	Secret Secret `yaml:"secret"`
	// SecretFile is a file that holds it instead.
	SecretFile string `yaml:"secret_file"`
	// Peers are the places where other peers may be, see [discover.Parse]; this peer may be among them. Empty means a
	// cluster of one.
	Peers []string `yaml:"peers"`
	// BootstrapExpect is how many first members a new cluster has; 0 means one at each of Peers, which then are addresses.
	BootstrapExpect int `yaml:"bootstrap_expect"`
	// Genesis is where the first members of the cluster are recorded, beyond the peers: ssm:NAME, a parameter of AWS Systems
	// Manager. Empty means that the peers agree among themselves.
	Genesis string `yaml:"genesis"`
	// Announce are the addresses, host:port, at which others should reach this peer; empty means those it finds.
	Announce []string `yaml:"announce"`
	// ReplicationMin is how many peers must hold a pin; -1 means every peer.
	ReplicationMin int `yaml:"replication_min"`
	// ReplicationMax is how many peers should hold a pin; -1 means every peer. Both are -1 or neither is.
	ReplicationMax int `yaml:"replication_max"`
	// AckReplicas is how many peers hold the data before a pin is answered; fewer suffice when fewer are allocated.
	AckReplicas int `yaml:"ack_replicas"`
	// AckTimeout is how long a request waits for those peers while they make no progress.
	AckTimeout time.Duration `yaml:"ack_timeout"`
	// Heartbeat is raft's heartbeat and election timeout.
	Heartbeat time.Duration `yaml:"heartbeat"`
	// DeadAfter is how long a member may be away before it is removed, as long as three voters remain; 0 means for ever.
	DeadAfter time.Duration `yaml:"dead_after"`
	// RepinAfter is how long a member may be away before pins that have too few holders left get others; 0 means for ever.
	RepinAfter time.Duration `yaml:"repin_after"`
	// PinWorkers is how many pins the peer fetches at once.
	PinWorkers int `yaml:"pin_workers"`
	// Slot is the place in the cluster that this peer fills. A new peer of the same slot takes the place of one whose machine is
	// gone; empty means that none can.
	Slot string `yaml:"slot"`
	// Tags describe the peer to the allocator, for example its zone.
	Tags map[string]string `yaml:"tags"`
}

// Log configures the log, which goes to standard error.
type Log struct {
	// Level is debug, info, warn or error; it is that of this program's loggers.
	Level string `yaml:"level"`
	// Levels are those of single loggers, the libraries' among them, by name.
	Levels map[string]string `yaml:"levels"`
	// Format is text or json.
	Format string `yaml:"format"`
}

// Default returns the settings that hold when nobody says otherwise. getenv (nil: an empty environment) is asked for
// HOME only. Without a host name or HOME the name or the data directory stays empty, which [Config.Validate] reports.
func Default(getenv func(string) (string, bool)) Config {
	var c Config
	for _, f := range fields() {
		if f.Default == "" || f.Path == pathName || f.Path == pathDataDir {
			continue
		}
		if problem := f.setText(&c, f.Default); problem != "" {
			panic("config: default of " + f.Path + " " + problem)
		}
	}
	if name, err := os.Hostname(); err == nil {
		c.Name = name
	}
	if home, ok := lookup(getenv, "HOME"); ok && home != "" {
		c.DataDir = filepath.Join(home, ".underlay")
	}
	return c
}

// lookup asks getenv, which may be nil.
func lookup(getenv func(string) (string, bool), key string) (string, bool) {
	if getenv == nil {
		return "", false
	}
	return getenv(key)
}
