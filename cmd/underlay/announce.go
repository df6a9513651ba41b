package main

import (
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"net"
	"os"

	"github.com/underlay/underlay/config"
	"github.com/underlay/underlay/internal/runfile"
)

// announce tells the command line of this user where the peer's API is. A peer whose user has no place for that, or that
// cannot write there, runs without: then its API has to be named.
func announce(conf config.Config, api net.Addr, env environment, logger *slog.Logger) (withdraw func() error) {
	none := func() error { return nil }
	if env.lookup == nil {
		return none
	}
	dirs := runfile.Dirs(env.lookup)
	if len(dirs) == 0 {
		return none
	}
	scheme := "http"
	if conf.API.TLSCert != "" {
		scheme = "https"
	}
	entry, err := runfile.Announce(dirs[0], runfile.Peer{
		Name: conf.Name, DataDir: conf.DataDir, API: scheme + "://" + reachable(api), PID: os.Getpid(), Cluster: clusterOf(conf),
	})
	if err != nil {
		logger.Warn("the command line will not find this peer by itself", "error", err)
		return none
	}
	return entry.Close
}

// reachable is where this machine reaches a listener, which may listen on all addresses.
func reachable(addr net.Addr) string {
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return addr.String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

// clusterOf is equal for peers that share a secret. A peer that makes its own is alone when it starts.
func clusterOf(conf config.Config) string {
	of := []byte("data directory " + conf.DataDir)
	if secret, err := conf.Cluster.Secret.Bytes(); err == nil && len(secret) > 0 {
		of = append([]byte("underlay cluster of secret "), secret...)
	}
	sum := sha256.Sum256(of)
	return hex.EncodeToString(sum[:8])
}
