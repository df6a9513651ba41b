package rpcdiff

// maskKey is the name of a key that was made by chance.
const maskKey = `k[0-9a-z]{40,}|(?:12D3|Qm)[0-9A-Za-z]{40,}`

// What of common answers tells about one node or one moment, as regular expressions; see step.masked.
var (
	maskID        = []string{`("Addresses":)(?:\[[^]]*\]|null)`, `(?s)<Addresses>.*</Addresses>`}
	maskRepoStat  = []string{`("RepoSize":)\d+`, `("NumObjects":)\d+`, `("StorageMax":)\d+`}
	maskTar       = []string{`\d{11}\x00\d{11}\x00\d{6}`, `\d{11} \d{6}`, `\d+ mtime=[0-9.]+\n\x00*`}
	maskRecord    = []string{`("(?:Validity|PbSize|HexDump)":)(?:"(?:[^"\\]|\\.)*"|\d+)`}
	maskCommands  = []string{`(?s).*`}
	maskSystem    = []string{`("(?:diskinfo|environment|memory|net|runtime)":)\{[^}]*\}`}
	maskBitswap   = []string{`("\w+":)\d+`, `("(?:Peers|Wantlist)":)(?:\[[^]]*\]|null)`}
	maskBandwidth = []string{`(":)[0-9.e+-]+`}
)
