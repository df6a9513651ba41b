package main

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/underlay/underlay/config"
)

// devLayout says where each peer of a dev cluster lives.
type devLayout struct {
	dir   string
	peers []devPeer
	drain time.Duration // of the peers' settings
}

// clusterFile is where tests and tools find the peers while the cluster runs.
func (l devLayout) clusterFile() string { return filepath.Join(l.dir, "cluster.json") }

func (l devLayout) removeClusterFile() error {
	if err := os.Remove(l.clusterFile()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove the file of an earlier run: %w", err)
	}
	return nil
}

// devPeer is one peer's place: a directory and its ports on loopback.
type devPeer struct {
	Name string
	dir  string

	gateway, api, rest, psa, cluster, swarm int

	tls bool // its private listeners speak HTTPS
}

func (p devPeer) dataDir() string { return filepath.Join(p.dir, "data") }

func (p devPeer) scheme() string {
	if p.tls {
		return "https://"
	}
	return "http://"
}

func (p devPeer) gatewayURL() string { return "http://" + loopback(p.gateway) }
func (p devPeer) apiURL() string     { return p.scheme() + loopback(p.api) }
func (p devPeer) restURL() string    { return p.scheme() + loopback(p.rest) }
func (p devPeer) psaURL() string     { return p.scheme() + loopback(p.psa) }
func (p devPeer) configFile() string { return filepath.Join(p.dir, "underlay.yaml") }
func (p devPeer) logFile() string    { return filepath.Join(p.dir, "underlay.log") }

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// portStep separates the ports of neighbouring peers.
const portStep = 100

// newDevPeer places peer n, counted from 0. Without a base port the first peer has the standard ports.
func newDevPeer(dir string, n, base int) devPeer {
	name := "peer" + strconv.Itoa(n+1)
	p := devPeer{Name: name, dir: filepath.Join(dir, name)}
	if base == 0 {
		p.gateway, p.api, p.rest, p.psa, p.cluster, p.swarm = 8080, 9095, 9094, 9097, 9096, 4001
	} else {
		p.gateway, p.api, p.rest, p.psa, p.cluster, p.swarm = base+80, base+95, base+94, base+97, base+96, base+1
	}
	for _, port := range []*int{&p.gateway, &p.api, &p.rest, &p.psa, &p.cluster, &p.swarm} {
		*port += n * portStep
	}
	return p
}

// newDevLayout checks the options and writes each peer's directory and settings file.
func newDevLayout(o devOptions, env environment) (devLayout, error) {
	if o.peers < 1 || o.basePort < 0 || o.basePort+o.peers*portStep > 65535 {
		return devLayout{}, usageError{errors.New("--peers must be at least 1, and with --base-port all ports must be below 65536")}
	}
	settings, drain, err := devSettings(o, env)
	if err != nil {
		return devLayout{}, err
	}
	layout := devLayout{dir: o.dir, drain: drain}
	var members []string
	for n := range o.peers {
		p := newDevPeer(o.dir, n, o.basePort)
		p.tls = section(settings, "api")["tls_cert"] != nil
		layout.peers = append(layout.peers, p)
		members = append(members, loopback(p.cluster))
	}
	if err := layout.checkPorts(); err != nil {
		return devLayout{}, err
	}
	secret, err := devSecret(o.dir)
	if err != nil {
		return devLayout{}, err
	}
	for _, p := range layout.peers {
		p.apply(settings, members, secret, o.public)
		if err := p.writeSettings(settings); err != nil {
			return devLayout{}, err
		}
	}
	return layout, nil
}

// devSettings reads the user's file, which must be right by itself, and drain_delay as it says.
func devSettings(o devOptions, env environment) (settings map[string]any, drain time.Duration, err error) {
	settings = make(map[string]any)
	if o.config == "" {
		return settings, 0, nil
	}
	conf, err := config.Load(config.LoadOptions{File: o.config, Getenv: env.lookup})
	if err != nil {
		return nil, 0, usageError{fmt.Errorf("the configuration is wrong:\n%w", err)}
	}
	raw, err := os.ReadFile(o.config)
	if err != nil {
		return nil, 0, fmt.Errorf("read %s: %w", o.config, err)
	}
	if err := yaml.Unmarshal(raw, &settings); err != nil {
		return nil, 0, fmt.Errorf("read %s: %w", o.config, err)
	}
	return settings, conf.DrainDelay, nil
}

// apply sets what differs from peer to peer, and what makes them one cluster on this machine.
func (p devPeer) apply(settings map[string]any, members []string, secret string, public bool) {
	settings["name"] = p.Name
	settings["data_dir"] = p.dataDir()
	settings["public_network"] = public
	section(settings, "gateway")["listen"] = loopback(p.gateway)
	section(settings, "api")["listen"] = loopback(p.api)
	section(settings, "api")["rest_listen"] = loopback(p.rest)
	section(settings, "psa")["listen"] = loopback(p.psa)
	cluster := section(settings, "cluster")
	cluster["listen"] = loopback(p.cluster)
	cluster["peers"] = members
	cluster["secret"] = secret
	host := "127.0.0.1"
	if public {
		host = "0.0.0.0"
	}
	section(section(settings, "ipfs"), "Addresses")["Swarm"] = []string{
		fmt.Sprintf("/ip4/%s/tcp/%d", host, p.swarm),
		fmt.Sprintf("/ip4/%s/udp/%d/quic-v1", host, p.swarm),
	}
}

// section returns a nested map of the settings, made when absent.
func section(settings map[string]any, name string) map[string]any {
	if m, ok := settings[name].(map[string]any); ok {
		return m
	}
	m := make(map[string]any)
	settings[name] = m
	return m
}

func (p devPeer) writeSettings(settings map[string]any) error {
	if err := os.MkdirAll(p.dir, 0o700); err != nil {
		return fmt.Errorf("make directory of %s: %w", p.Name, err)
	}
	raw, err := yaml.Marshal(settings)
	if err != nil {
		return fmt.Errorf("encode settings of %s: %w", p.Name, err)
	}
	if err := os.WriteFile(p.configFile(), raw, 0o600); err != nil {
		return fmt.Errorf("write settings of %s: %w", p.Name, err)
	}
	return nil
}

// devSecret returns the secret of the cluster in dir, made when there is none yet.
func devSecret(dir string) (string, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make directory %s: %w", dir, err)
	}
	path := filepath.Join(dir, "secret")
	raw, err := os.ReadFile(path)
	if err == nil {
		return string(raw), nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("read cluster secret: %w", err)
	}
	fresh := make([]byte, 32)
	if _, err := rand.Read(fresh); err != nil {
		return "", fmt.Errorf("make cluster secret: %w", err)
	}
	secret := hex.EncodeToString(fresh)
	if err := os.WriteFile(path, []byte(secret), 0o600); err != nil {
		return "", fmt.Errorf("keep cluster secret: %w", err)
	}
	return secret, nil
}

// checkPorts names every taken port at once, before anything is started.
func (l devLayout) checkPorts() error {
	var errs []error
	for _, p := range l.peers {
		for _, use := range []struct {
			name string
			port int
		}{{"gateway", p.gateway}, {"API", p.api}, {"REST", p.rest}, {"pinning service", p.psa}, {"cluster", p.cluster}, {"IPFS swarm", p.swarm}} {
			listener, err := net.Listen("tcp", loopback(use.port))
			if err != nil {
				errs = append(errs, fmt.Errorf("%s of %s: %w", use.name, p.Name, err))
				continue
			}
			errs = append(errs, listener.Close())
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("ports are taken; stop who has them or choose others with --base-port:\n%w", err)
	}
	return nil
}
