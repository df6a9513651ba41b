package restdiff

// commonMasks are what of any answer tells about one moment, in the form that it must have.
func commonMasks() []string {
	return []string{
		`("(?:timestamp|created|triggered_at)":)\s*"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)"`,
		`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z`,
		`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`, // as ipfs-cluster-ctl prints it
	}
}

// What of common answers tells about one node, as regular expressions. A list that is masked must have entries.
var (
	maskAddresses = []string{`("(?:addresses|cluster_peers_addresses|ipfs_peer_addresses)":)\s*\[[^]]+\]`}
	maskShown     = []string{`(?m)(?:^    - /ip4/.*\n)*^    - /ip4/.*$`}
	maskVersion   = []string{`("version":)\s*"[^"]+"`}
	maskMetric    = []string{`("(?:value|expire|received_at|weight)":)\s*(?:"(?:[^"\\]|\\.)*"|-?\d+)`, `(?m)( \| \w+:).*`}
	maskKeys      = []string{`("keys":)\s*(?:\[[^]]*\]|null)`, `(?m)^  > CIDs:(?:\n    - .*)*$`}
	maskGraph     = []string{`\d+\*\w+|Qm\*\w+|\d+`}
	maskExpiry    = []string{`("expire_at":)\s*"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"`}
	maskBandwidth = []string{`("(?:total_in|total_out|rate_in|rate_out)":)\s*[0-9.e+-]+`, `In:.*Out:.*`}
)
