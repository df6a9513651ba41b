package config

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// balancerPatience is how long load balancers usually wait before they answer 504 themselves, without a reason.
const balancerPatience = time.Minute

// gatewayLimits are the rows of the table of settings that say whom the gateway believes and what it bears.
func gatewayLimits() []row {
	return []row{
		{"gateway.trusted_proxies", "", "Addresses and prefixes of load balancers, which say for whom they ask, for example 10.0.0.0/16; empty: nobody is believed."},
		{"gateway.trusted_headers", "X-Forwarded-For,X-Forwarded-Host,X-Forwarded-Proto", "Which headers the balancers set themselves, of these and Forwarded; what they merely pass on anybody could write. See docs/limits.md."},
		{"gateway.unlimited_clients", "127.0.0.0/8,::1,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fc00::/7", "Addresses and prefixes for which gateway.client_rate, client_requests and client_connections do not hold."},
		{"gateway.client_rate", "100", "Requests a second from one client, on average; IPv6 clients count by /64; 0 means any number."},
		{"gateway.client_burst", "500", "Requests from one client that may come at once."},
		{"gateway.client_requests", "256", "Requests of one client in progress; 0 means no bound."},
		{"gateway.client_connections", "256", "Connections of one client; 0 means no bound."},
		{"gateway.max_connections", "8192", "Connections of all clients; the one that waits longest for a request makes room; 0 means no bound."},
		{"gateway.max_concurrent_requests", "1024", "Requests that wait for content or send it; the one that is stuck longest gives way; 0: what ipfs Gateway.MaxConcurrentRequests says."},
		{"gateway.retrieval_timeout", "30s", "How long a request waits for the first byte and for more content to send, below 1m0s, after which balancers give up."},
		{"gateway.max_request_duration", "6h0m0s", "How long an answer may take as a whole."},
		{"gateway.min_send_rate", "4096", "Bytes a second that a client must read on the whole; 0 means any number."},
		{"gateway.max_read_pause", "1m0s", "How long a client may stop reading."},
		{"gateway.max_path_length", "8192", "Bytes of a request's address."},
		{"gateway.max_path_depth", "256", "Parts of a request's path."},
		{"gateway.max_header_bytes", "16384", "Bytes of a request's header."},
		{"gateway.max_file_size", "0", "Bytes of a file or directory that is served as such; 0 means no bound."},
		{"gateway.max_response_size", "0", "Bytes of content that is served in any format; 0 means no bound."},
		{"gateway.max_range_file_size", "0", "Bytes of a file of which ranges are served; 0: what ipfs Gateway.MaxRangeRequestFileSize says."},
		{"gateway.max_directory_entries", "10000", "Entries of a directory that a listing shows."},
	}
}

func (g Gateway) checkLimits(fs *faults) {
	for _, n := range []struct {
		path         string
		value, least int
	}{
		{"gateway.client_rate", g.ClientRate, 0},
		{"gateway.client_burst", g.ClientBurst, 1},
		{"gateway.client_requests", g.ClientRequests, 0},
		{"gateway.client_connections", g.ClientConnections, 0},
		{"gateway.max_connections", g.MaxConnections, 0},
		{"gateway.max_concurrent_requests", g.MaxConcurrentRequests, 0},
		{"gateway.min_send_rate", g.MinSendRate, 0},
		{"gateway.max_path_length", g.MaxPathLength, 128},
		{"gateway.max_path_depth", g.MaxPathDepth, 2},
		{"gateway.max_header_bytes", g.MaxHeaderBytes, 1024},
		{"gateway.max_file_size", g.MaxFileSize, 0},
		{"gateway.max_response_size", g.MaxResponseSize, 0},
		{"gateway.max_range_file_size", g.MaxRangeFileSize, 0},
		{"gateway.max_directory_entries", g.MaxDirectoryEntries, 1},
	} {
		checkLeast(fs, n.path, n.value, n.least)
	}
	checkPositive(fs, "gateway.retrieval_timeout", g.RetrievalTimeout)
	checkPositive(fs, "gateway.max_request_duration", g.MaxRequestDuration)
	checkPositive(fs, "gateway.max_read_pause", g.MaxReadPause)
	if g.RetrievalTimeout >= balancerPatience {
		fs.add("gateway.retrieval_timeout", "must be below %s, after which load balancers give up, is %s", balancerPatience, g.RetrievalTimeout)
	}
	checkPrefixes(fs, "gateway.trusted_proxies", g.TrustedProxies)
	checkPrefixes(fs, "gateway.unlimited_clients", g.UnlimitedClients)
	for i, name := range g.TrustedHeaders {
		checkHeader(fs, fmt.Sprintf("gateway.trusted_headers[%d]", i), name)
	}
}

func checkHeader(fs *faults, path, name string) {
	known := []string{"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded"}
	for _, k := range known {
		if strings.EqualFold(name, k) {
			return
		}
	}
	fs.add(path, "must be %s", choices(known))
}

func checkPrefixes(fs *faults, path string, list []string) {
	for i, text := range list {
		if _, err := parsePrefix(text); err != nil {
			fs.add(fmt.Sprintf("%s[%d]", path, i), "must be an address or a prefix, for example 10.0.0.0/16")
		}
	}
}

// Prefixes reads a list of addresses and prefixes that has been validated.
func Prefixes(list []string) []netip.Prefix {
	found := make([]netip.Prefix, 0, len(list))
	for _, text := range list {
		if p, err := parsePrefix(text); err == nil {
			found = append(found, p)
		}
	}
	return found
}

// parsePrefix takes an address for the prefix that has it alone.
func parsePrefix(text string) (netip.Prefix, error) {
	if strings.Contains(text, "/") {
		return netip.ParsePrefix(text)
	}
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, err
	}
	return addr.Unmap().Prefix(addr.Unmap().BitLen())
}
