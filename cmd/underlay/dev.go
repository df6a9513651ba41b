package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
)

// devOptions are the flags of the dev command.
type devOptions struct {
	dir      string
	peers    int
	basePort int
	config   string
	public   bool
}

// How long the peers of a dev cluster may take to become ready, and to stop, after their drain_delay, before they are killed.
const (
	devReadyTimeout = 2 * time.Minute
	devStopTimeout  = 15 * time.Second
)

func devCommand(env environment) *cobra.Command {
	var o devOptions
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Run a cluster of three peers on this machine",
		Long: "Run a cluster of three peers on this machine, each a process of its own, until interrupted.\n" +
			"They listen on loopback only and stay out of the public IPFS network.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return dev(cmd.Context(), o, env) },
	}
	cmd.Flags().StringVar(&o.dir, "dir", "", "keep the data in this `directory` (default: a temporary one, removed at the end)")
	cmd.Flags().IntVar(&o.peers, "peers", 3, "number of peers")
	cmd.Flags().IntVar(&o.basePort, "base-port", 0, "move all ports: peer n listens on P+100(n-1)+80 (gateway), +95 (API), +94 (REST), +97 (pinning service), +96, +1")
	cmd.Flags().StringVar(&o.config, "config", "", "settings `file` in YAML that applies to every peer")
	cmd.Flags().BoolVar(&o.public, "public", false, "join the public IPFS network")
	return cmd
}

func dev(ctx context.Context, o devOptions, env environment) (err error) {
	if o.dir == "" {
		if o.dir, err = os.MkdirTemp("", "underlay-dev-"); err != nil {
			return fmt.Errorf("make temporary directory: %w", err)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(o.dir)) }()
	}
	if o.dir, err = filepath.Abs(o.dir); err != nil {
		return fmt.Errorf("find directory: %w", err)
	}
	layout, err := newDevLayout(o, env)
	if err != nil {
		return err
	}
	if err := layout.removeClusterFile(); err != nil { // of an earlier run: its processes are gone
		return err
	}
	cluster, err := startDevCluster(layout, env.stdout)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cluster.stop(), layout.removeClusterFile()) }()

	fmt.Fprintf(env.stdout, "Starting %d peers in %s\n", o.peers, o.dir)
	if err := cluster.awaitReady(ctx); err != nil {
		if ctx.Err() != nil {
			return nil // interrupted: not a failure
		}
		return err
	}
	if err := cluster.writeFile(); err != nil {
		return err
	}
	cluster.describe()
	return cluster.watch(ctx)
}

// devCluster is the set of child processes.
type devCluster struct {
	layout devLayout
	peers  []*devProcess
	out    io.Writer
	began  time.Time
}

func startDevCluster(layout devLayout, out io.Writer) (*devCluster, error) {
	exe, err := executable()
	if err != nil {
		return nil, err
	}
	c := &devCluster{layout: layout, out: out, began: time.Now()}
	for _, p := range layout.peers {
		process, err := startDevProcess(exe, p)
		if err != nil {
			return nil, errors.Join(err, c.stop())
		}
		c.peers = append(c.peers, process)
	}
	return c, nil
}

// awaitReady waits until every peer's health says that it is in the cluster.
func (c *devCluster) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, devReadyTimeout, errors.New("the cluster is not ready in time"))
	defer cancel()
	g, ctx := errgroup.WithContext(ctx)
	for _, p := range c.peers {
		g.Go(func() error {
			if err := p.awaitReady(ctx); err != nil {
				return fmt.Errorf("%s: %w\n%s", p.Name, err, p.lastLog())
			}
			fmt.Fprintf(c.out, "%s is ready after %.1f s\n", p.Name, time.Since(c.began).Seconds())
			return nil
		})
	}
	return g.Wait()
}

// clusterFile is the content of DIR/cluster.json, by which tests and tools find the peers.
type clusterFile struct {
	Peers []clusterFilePeer `json:"peers"`
}

type clusterFilePeer struct {
	Name    string `json:"name"`
	ID      string `json:"id"`
	PID     int    `json:"pid"`
	Gateway string `json:"gateway"`
	API     string `json:"api"`
	REST    string `json:"rest"`
	PSA     string `json:"psa"`
}

func (c *devCluster) writeFile() error {
	var file clusterFile
	for _, p := range c.peers {
		id, err := p.peerID()
		if err != nil {
			return err
		}
		file.Peers = append(file.Peers, clusterFilePeer{
			Name: p.Name, ID: id, PID: p.pid(), Gateway: p.gatewayURL(), API: p.apiURL(), REST: p.restURL(),
			PSA: p.psaURL(),
		})
	}
	raw, err := json.MarshalIndent(file, "", "  ")
	if err != nil {
		return fmt.Errorf("encode cluster.json: %w", err)
	}
	path := c.layout.clusterFile()
	if err := os.WriteFile(path+".tmp", append(raw, '\n'), 0o644); err != nil {
		return fmt.Errorf("write cluster.json: %w", err)
	}
	if err := os.Rename(path+".tmp", path); err != nil { // readers see all of it or nothing
		return fmt.Errorf("write cluster.json: %w", err)
	}
	return nil
}

// peerID reads the peer's ID where it keeps it: its API may want a credential.
func (p devPeer) peerID() (string, error) {
	raw, err := os.ReadFile(filepath.Join(p.dataDir(), "cluster", "identity.json"))
	if err != nil {
		return "", fmt.Errorf("read the ID of %s: %w", p.Name, err)
	}
	var id struct{ ID string }
	if err := json.Unmarshal(raw, &id); err != nil {
		return "", fmt.Errorf("read the ID of %s: %w", p.Name, err)
	}
	return id.ID, nil
}

// describe prints where the peers are and what to try.
func (c *devCluster) describe() {
	table := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "\nPEER\tPID\tGATEWAY\tIPFS RPC + REST\tREST\tPINNING SERVICE\n")
	for _, p := range c.peers {
		fmt.Fprintf(table, "%s\t%d\t%s\t%s\t%s\t%s\n", p.Name, p.pid(), p.gatewayURL(), p.apiURL(), p.restURL(), p.psaURL())
	}
	table.Flush()
	first, last := c.peers[0], c.peers[len(c.peers)-1]
	fmt.Fprintf(c.out, `
Try next:
  add a picture through %[1]s:   curl -F file=@picture.jpg '%[2]s/api/v0/add?cid-version=1'
  open it through %[3]s:         %[4]s/ipfs/CID
  with the ipfs command line:   ipfs --api /ip4/127.0.0.1/tcp/%[5]d add -r DIRECTORY
  look at the cluster:          underlay status
  the same with stock tools:    ipfs-cluster-ctl --host /ip4/127.0.0.1/tcp/%[6]d status
  stop one and look again:      kill %[7]d

Data, settings and logs are in %[8]s. Ctrl-C stops all peers.
`, first.Name, first.apiURL(), last.Name, last.gatewayURL(), last.api, first.rest, last.pid(), c.layout.dir)
}

// watch reports children that end, until ctx ends or none is left.
func (c *devCluster) watch(ctx context.Context) error {
	ended := make(chan *devProcess, len(c.peers))
	for _, p := range c.peers {
		go func() {
			<-p.ended
			ended <- p
		}()
	}
	for left := len(c.peers); left > 0; left-- {
		select {
		case <-ctx.Done():
			fmt.Fprintln(c.out, "\nStopping")
			return nil
		case p := <-ended:
			fmt.Fprintf(c.out, "%s (process %d) ended: %v; its log is %s\nstart it again with: underlay daemon --config %s\n",
				p.Name, p.pid(), p.state(), p.logFile(), p.configFile())
		}
	}
	return errors.New("all peers have ended")
}

// stop ends all children together and waits for them.
func (c *devCluster) stop() error {
	for _, p := range c.peers {
		p.terminate()
	}
	within := devStopTimeout + c.layout.drain
	deadline := time.After(within)
	var errs []error
	for _, p := range c.peers {
		select {
		case <-p.ended:
		case <-deadline:
			p.kill()
			<-p.ended
			errs = append(errs, fmt.Errorf("%s did not stop within %s and was killed; its log is %s", p.Name, within, p.logFile()))
		}
	}
	return errors.Join(errs...)
}
