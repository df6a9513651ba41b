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
	// RetrievalTimeout bounds the wait for the first byte and between two writes of a response.
	RetrievalTimeout time.Duration `yaml:"retrieval_timeout"`
	// MaxConcurrentRequests bounds the requests in progress; 0 means no bound.
	MaxConcurrentRequests int `yaml:"max_concurrent_requests"`
	// PinnedOnly serves only what the cluster holds, and looks for nothing elsewhere.
	PinnedOnly bool `yaml:"pinned_only"`
	// LandingPage is what is at /: a file with HTML, or a URL to redirect to; empty takes a page that explains the gateway.
	LandingPage string `yaml:"landing_page"`
	// RobotsFile is served as /robots.txt; empty: crawlers are asked to leave content alone.
	RobotsFile string `yaml:"robots_file"`
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
	// Tags describe the peer to the allocator, for example its zone.
	Tags map[string]string `yaml:"tags"`
}

// Log configures the log, which goes to standard error.
type Log struct {
	// Level is debug, info, warn or error.
	Level string `yaml:"level"`
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
