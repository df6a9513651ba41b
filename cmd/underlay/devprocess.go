package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/underlay/underlay/config"
)

// devProcess is one child process that runs a peer.
type devProcess struct {
	devPeer
	cmd   *exec.Cmd
	ended chan struct{} // closed when the process is gone
}

// startDevProcess starts a peer. What its settings file holds must not be overruled by this process's environment, so
// that is passed on without our variables.
func startDevProcess(exe string, place devPeer) (*devProcess, error) {
	log, err := os.OpenFile(place.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open log of %s: %w", place.Name, err)
	}
	defer log.Close() // the child has its own
	p := &devProcess{devPeer: place, ended: make(chan struct{})}
	p.cmd = exec.Command(exe, "daemon", "--config", place.configFile())
	p.cmd.Env = withoutSettings(os.Environ())
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = childAttributes()
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", place.Name, err)
	}
	go func() {
		defer close(p.ended)
		_ = p.cmd.Wait() // the outcome is in ProcessState
	}()
	return p, nil
}

func withoutSettings(environ []string) []string {
	ours := make(map[string]bool)
	for _, s := range config.Settings() {
		ours[s.Env] = true
	}
	var kept []string
	for _, v := range environ {
		if name, _, _ := strings.Cut(v, "="); !ours[name] {
			kept = append(kept, v)
		}
	}
	return kept
}

func (p *devProcess) pid() int { return p.cmd.Process.Pid }

// state says how the process ended; valid once ended is closed.
func (p *devProcess) state() string { return p.cmd.ProcessState.String() }

func (p *devProcess) terminate() { _ = p.cmd.Process.Signal(syscall.SIGTERM) } // fails when it is gone: as wanted

func (p *devProcess) kill() { _ = p.cmd.Process.Kill() }

// errEnded reports a peer whose process is gone.
var errEnded = errors.New("the process has ended")

// awaitReady polls the peer's health until it is in the cluster. After a failure the error holds the last reason.
func (p *devProcess) awaitReady(ctx context.Context) error {
	// How a process of ours on this machine is does not need a certificate that proves who it is.
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	defer client.CloseIdleConnections()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		health := checkHealth(ctx, client, p.restURL())
		if health == nil {
			return nil
		}
		select {
		case <-p.ended:
			return fmt.Errorf("%w: %s", errEnded, p.state())
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", context.Cause(ctx), health)
		case <-tick.C:
		}
	}
}

func checkHealth(ctx context.Context, client *http.Client, rest string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, rest+"/health", nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		return fmt.Errorf("health is %s", resp.Status)
	}
	return nil
}

// lastLog returns the end of the peer's log, for an error message.
func (p *devProcess) lastLog() string {
	const lines = 5
	raw, err := os.ReadFile(p.logFile())
	if err != nil {
		return err.Error()
	}
	all := bytes.Split(bytes.TrimSpace(raw), []byte("\n"))
	return string(bytes.Join(all[max(0, len(all)-lines):], []byte("\n")))
}
