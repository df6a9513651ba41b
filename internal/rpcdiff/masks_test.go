package rpcdiff

// What of common answers tells about one node or one moment, as regular expressions.
var (
	maskID        = []string{`"Addresses":\[[^]]*\]`, `"Addresses":null`, `(?s)<Addresses>.*</Addresses>`}
	maskRepoStat  = []string{`"RepoSize":\d+`, `"NumObjects":\d+`, `"StorageMax":\d+`}
	maskCommands  = []string{`(?s).*`}
	maskBitswap   = []string{`"\w+":\d+`, `"Peers":(\[[^]]*\]|null)`}
	maskBandwidth = []string{`:[0-9.e+-]+`}
)
