package config

import (
	"errors"
	"fmt"
	"strings"

	"github.com/underlay/underlay/internal/discover"
)

// checkPlaces checks where other peers may be, and how a new cluster begins.
func (c Config) checkPlaces(fs *faults) {
	checkRemotes(fs, "cluster.peers", c.Cluster.Peers)
	places, err := discover.Parse(c.Cluster.Peers, discover.Kinds(nil))
	for _, fault := range unjoin(err) {
		if wrong, ok := errors.AsType[*discover.Fault](fault); ok {
			fs.add(fmt.Sprintf("cluster.peers[%d]", wrong.Index), "%s", wrong.Problem)
		}
	}
	_, fixed := places.Fixed()
	switch {
	case c.Cluster.BootstrapExpect < 0:
		fs.add("cluster.bootstrap_expect", "must not be negative, is %d", c.Cluster.BootstrapExpect)
	case c.Cluster.BootstrapExpect == 0 && !fixed:
		fs.add("cluster.bootstrap_expect", "must say how many first members a new cluster has, since cluster.peers are not all host:port")
	case c.Cluster.BootstrapExpect > 1 && len(c.Cluster.Peers) == 0:
		fs.add("cluster.bootstrap_expect", "needs cluster.peers, where the others may be")
	}
	if name, ok := strings.CutPrefix(c.Cluster.Genesis, "ssm:"); c.Cluster.Genesis != "" && (!ok || name == "") {
		fs.add("cluster.genesis", "must be ssm:NAME, for example ssm:/underlay/genesis")
	}
}

func unjoin(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return nil
}
