package logging

import (
	"fmt"
	"maps"
	"slices"

	golog "github.com/ipfs/go-log/v2"
)

// The loggers of this program. Those of the libraries have other names; "ipfs log ls" lists all.
const (
	Main      = "underlay"           // the process, and how the peer is put together
	Peer      = "underlay/peer"      // the member of the cluster
	Consensus = "underlay/consensus" // the replicated pinset
	Raft      = "underlay/raft"      // the library below it
	Gateway   = "underlay/gateway"
	API       = "underlay/api"      // the private APIs
	Access    = "underlay/access"   // who may use them
	HTTP      = "underlay/http"     // connections of all listeners
	Requests  = "underlay/requests" // at level debug, a line for each request
	Standard  = "std"               // what libraries say through the standard library's log and log/slog
)

func ours() []string {
	return []string{Main, Peer, Consensus, Raft, Gateway, API, Access, HTTP, Requests, Standard}
}

// silent are libraries that log what they also return: it would show twice.
func silent() []string { return []string{"cluster", "config", "p2p-config", "core"} }

// Levels are the least levels at which the loggers of this process write: every process has one set of them. Kubo's
// command "log level" changes them, too.
type Levels struct{}

// Set gives our loggers a level, those of the libraries the level error, and then some of either kind the level that byName
// has for them. What was changed since then is forgotten. Nothing changes if a level has no meaning.
func (Levels) Set(level string, byName map[string]string) error {
	for _, l := range append(slices.Collect(maps.Values(byName)), level) {
		if _, err := golog.Parse(l); err != nil {
			return fmt.Errorf("log level %q: %w", l, err)
		}
	}
	levels := make(map[string]string)
	for _, name := range silent() {
		levels[name] = "fatal"
	}
	for _, name := range ours() {
		levels[name] = level
	}
	maps.Copy(levels, byName)
	golog.SetAllLoggers(golog.LevelError)
	for name, l := range levels {
		if err := golog.SetLogLevel(name, l); err != nil {
			return fmt.Errorf("log level of %s: %w", name, err)
		}
	}
	return nil
}
