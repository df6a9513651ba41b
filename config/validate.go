package config

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	kubo "github.com/ipfs/kubo/config"

	"github.com/underlay/underlay/internal/discover"
)

// minHeartbeat is the least that raft accepts.
const minHeartbeat = 5 * time.Millisecond

// Validate reports every fault of the settings at once: the error joins one *[Fault] each and has one line per fault,
// with the place the value came from if Load filled the Config.
func (c Config) Validate() error { return c.check().err() }

func (c Config) check() faults {
	var fs faults
	c.checkPeer(&fs)
	c.checkListeners(&fs)
	c.checkHosts(&fs)
	c.checkRootRedirect(&fs)
	c.checkAccess(&fs)
	c.checkPolicy(&fs)
	c.checkCluster(&fs)
	checkWord(&fs, "log.level", c.Log.Level, "debug", "info", "warn", "error")
	checkWord(&fs, "log.format", c.Log.Format, "text", "json")
	fs = append(fs, c.checkIPFS()...)
	fs.locate(c.sources)
	return fs
}

func (c Config) checkPeer(fs *faults) {
	switch {
	case c.Name == "":
		fs.add("name", "must not be empty")
	case !printable(c.Name):
		fs.add("name", "must not contain control characters")
	}
	switch {
	case c.DataDir == "":
		fs.add("data_dir", "must not be empty; its default needs HOME to be set")
	case strings.ContainsRune(c.DataDir, 0):
		fs.add("data_dir", "must not contain a zero byte")
	}
	checkPositive(fs, "shutdown_timeout", c.ShutdownTimeout)
	if c.DrainDelay < 0 {
		fs.add("drain_delay", "must not be negative, is %s", c.DrainDelay)
	}
	checkWord(fs, "cloud", c.Cloud, "", "ec2")
	c.Gateway.checkLimits(fs)
	if c.Gateway.CacheMiB < -1 {
		fs.add("gateway.cache_mib", "must be -1 or above, is %d", c.Gateway.CacheMiB)
	}
}

func (c Config) checkCluster(fs *faults) {
	if c.Cluster.Secret != "" && c.Cluster.SecretFile != "" {
		fs.add("cluster.secret_file", "excludes cluster.secret")
	}
	if problem := c.Cluster.Secret.problem(); problem != "" && c.Cluster.Secret != "" {
		fs.add("cluster.secret", "%s", problem)
	}
	c.checkPlaces(fs)
	checkRemotes(fs, "cluster.announce", c.Cluster.Announce)
	c.checkReplication(fs)
	checkLeast(fs, "cluster.ack_replicas", c.Cluster.AckReplicas, 1)
	checkPositive(fs, "cluster.ack_timeout", c.Cluster.AckTimeout)
	if c.Cluster.RepinAfter < 0 {
		fs.add("cluster.repin_after", "must not be negative, is %s", c.Cluster.RepinAfter)
	}
	if c.Cluster.DeadAfter < 0 {
		fs.add("cluster.dead_after", "must not be negative, is %s", c.Cluster.DeadAfter)
	}
	if c.Cluster.Heartbeat < minHeartbeat {
		fs.add("cluster.heartbeat", "must be at least %s, is %s", minHeartbeat, c.Cluster.Heartbeat)
	}
	checkLeast(fs, "cluster.pin_workers", c.Cluster.PinWorkers, 1)
	if !printable(c.Cluster.Slot) {
		fs.add("cluster.slot", "must not contain control characters")
	}
	for _, key := range sortedKeys(c.Cluster.Tags) {
		if key == "" || !printable(key) || !printable(c.Cluster.Tags[key]) {
			fs.add("cluster.tags", "must have names, and no control characters")
			return
		}
	}
}

func (c Config) checkReplication(fs *faults) {
	lowest, highest := c.Cluster.ReplicationMin, c.Cluster.ReplicationMax
	valid := true
	for _, n := range []struct {
		path  string
		value int
	}{{"cluster.replication_min", lowest}, {"cluster.replication_max", highest}} {
		if n.value == 0 || n.value < -1 {
			fs.add(n.path, "must be -1 for every peer, or above 0, is %d", n.value)
			valid = false
		}
	}
	switch {
	case !valid:
	case (lowest == -1) != (highest == -1):
		fs.add("cluster.replication_min", "and cluster.replication_max must both be -1 or both be above 0, are %d and %d", lowest, highest)
	case lowest > highest:
		fs.add("cluster.replication_min", "must not exceed cluster.replication_max, is %d and that is %d", lowest, highest)
	}
}

// checkIPFS merges the kubo settings into a fresh kubo configuration, which shows what is wrong with them.
func (c Config) checkIPFS() faults {
	var fs faults
	base, err := kubo.InitWithIdentity(kubo.Identity{})
	if err != nil {
		fs.add(pathIPFS, "make a kubo configuration: %v", err)
		return fs
	}
	return mergeIPFS(base, c.IPFS)
}

// listener is an address of ours that parsed.
type listener struct {
	path, host string
	port       uint16
}

func (c Config) checkListeners(fs *faults) {
	var seen []listener
	for _, l := range []struct {
		path, addr string
		optional   bool
	}{
		{"gateway.listen", c.Gateway.Listen, false},
		{"api.listen", c.API.Listen, false},
		{"api.rest_listen", c.API.RESTListen, true},
		{"psa.listen", c.PSA.Listen, true},
		{"cluster.listen", c.Cluster.Listen, false},
	} {
		if l.addr == "" && l.optional {
			continue
		}
		host, port, problem := splitHostPort(l.addr)
		if problem != "" {
			fs.add(l.path, "%s", problem)
			continue
		}
		for _, other := range seen {
			if port != 0 && port == other.port && overlap(host, other.host) {
				fs.add(l.path, "uses port %d, as %s does", port, other.path)
			}
		}
		seen = append(seen, listener{l.path, host, port})
	}
}

// checkRemotes checks addresses that somebody dials.
func checkRemotes(fs *faults, path string, addrs []string) {
	seen := make(map[string]bool)
	for i, addr := range addrs {
		if discover.KindOf(addr) != "" { // another check says what is wrong with it
			continue
		}
		at := fmt.Sprintf("%s[%d]", path, i)
		host, port, problem := splitHostPort(addr)
		switch {
		case problem != "":
			fs.add(at, "%s", problem)
		case host == "" || isWildcard(host):
			fs.add(at, "must name a host that others can reach")
		case port == 0:
			fs.add(at, "must have a port from 1 to 65535")
		case seen[addr]:
			fs.add(at, "is in the list twice")
		}
		seen[addr] = true
	}
}

// splitHostPort parses host:port. The host may be empty, which is every address of this machine.
func splitHostPort(addr string) (host string, port uint16, problem string) {
	host, text, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, "must be host:port, for example 127.0.0.1:9095 or [::1]:9095"
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return "", 0, "must have a port from 0 to 65535"
	}
	if _, err := netip.ParseAddr(host); err != nil && host != "" && !isHostName(host) {
		return "", 0, "has a host that is neither a name nor an address"
	}
	return host, uint16(n), ""
}

// isHostName accepts the characters host names are made of. A name of digits and dots alone is a mistyped address.
func isHostName(host string) bool {
	letters := false
	for _, r := range host {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z':
			letters = true
		case r >= '0' && r <= '9', r == '.', r == '-', r == '_':
		default:
			return false
		}
	}
	return letters && len(host) <= 253
}

func isWildcard(host string) bool {
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsUnspecified()
}

// overlap reports whether two listeners on one port would meet.
func overlap(a, b string) bool {
	return a == b || covers(a, b) || covers(b, a)
}

// covers reports whether listening on host a takes connections for host b. The empty host and :: take both families.
func covers(a, b string) bool {
	first, err := netip.ParseAddr(a)
	second, err2 := netip.ParseAddr(b)
	switch {
	case a == "":
		return true
	case a == "localhost":
		return err2 == nil && second.IsLoopback()
	case err != nil:
		return false
	case err2 == nil && first == second:
		return true
	case !first.IsUnspecified():
		return false
	}
	// A name could be an address of either family.
	return first.Is6() || err2 != nil || second.Is4()
}

func checkPositive(fs *faults, path string, d time.Duration) {
	if d <= 0 {
		fs.add(path, "must be above 0, is %s", d)
	}
}

func checkLeast(fs *faults, path string, n, least int) {
	if n < 0 && least == 0 {
		fs.add(path, "must be 0 or above, is %d", n)
	} else if n < least {
		fs.add(path, "must be at least %d, is %d", least, n)
	}
}

func checkWord(fs *faults, path, value string, allowed ...string) {
	for _, a := range allowed {
		if value == a {
			return
		}
	}
	fs.add(path, "must be %s", choices(allowed))
}

// choices lists what a setting may be.
func choices(allowed []string) string {
	quoted := make([]string, len(allowed))
	for i, a := range allowed {
		quoted[i] = strconv.Quote(a)
	}
	last := len(quoted) - 1
	return strings.Join(quoted[:last], ", ") + " or " + quoted[last]
}

// printable refuses control characters and what is not UTF-8.
func printable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, unicode.IsControl)
}
