package stockbench

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/underlay/underlay/internal/itest"
)

// host is one machine's worth of a side: an IPFS node and a cluster peer, in one process or two.
type host struct {
	rest string // URL of the cluster's REST API
	rpc  string // URL of the IPFS RPC API of the host's node
	api  string // URL of the IPFS RPC API that acts on the cluster; ours is the same as the node's
	pids []int
}

// side is one of the two systems under comparison. Hosts are named by their place in hosts.
type side struct {
	name    string
	hosts   []*host
	startup time.Duration // from starting three hosts to all of them ready: ours without pins, stock with the existing ones
	client  *http.Client
	control
	existing []string // CIDs that were pinned before the measurements, at least one
	balancer string   // URL of a balancer in front of the hosts, if there is one
	gateway  string   // URL of the first host's gateway, where it is measured
}

// control drives the processes of a side. Every function returns when its work is done, except start, which does not
// wait until the host is ready.
type control interface {
	kill(host int)
	stop(host int)
	start(host int)
	leader() (host int, err error)
	check(host int) error // fails when a process of the host has ended by itself
}

// requestLimit bounds any request; no figure is near it.
const requestLimit = 30 * time.Second

// newClient keeps as many connections as there can be requests at a time.
func newClient() *http.Client {
	return &http.Client{
		Timeout:   requestLimit,
		Transport: &http.Transport{MaxIdleConns: 1024, MaxIdleConnsPerHost: 256},
	}
}

var errStatus = errors.New("unexpected status")

// request sends a request and returns the body of a successful answer.
func (s *side) request(method, url string) ([]byte, error) {
	req, err := http.NewRequest(method, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 != 2 {
		return nil, fmt.Errorf("%s %s: %w %d: %s", method, url, errStatus, resp.StatusCode, body)
	}
	return body, nil
}

func (s *side) pin(host int, cid string) error {
	_, err := s.request(http.MethodPost, s.hosts[host].rest+"/pins/"+cid)
	return err
}

func (s *side) unpin(host int, cid string) error {
	_, err := s.request(http.MethodDelete, s.hosts[host].rest+"/pins/"+cid)
	return err
}

// sees tells whether a host's pinset has the CID.
func (s *side) sees(host int, cid string) error {
	_, err := s.request(http.MethodGet, s.hosts[host].rest+"/allocations/"+cid)
	return err
}

// settled returns nil when the host's own node has done what the pinset wants of the CIDs: their status is want.
func (s *side) settled(host int, want string, cids ...string) error {
	body, err := s.request(http.MethodGet, s.hosts[host].rest+"/pins?local=true&cids="+strings.Join(cids, ","))
	if err != nil {
		return err
	}
	if n := strings.Count(string(body), `"status":"`+want+`"`); n != len(cids) {
		return fmt.Errorf("%d of %d CIDs are %s on host %d", n, len(cids), want, host)
	}
	return nil
}

func (s *side) pids() []int {
	var pids []int
	for _, h := range s.hosts {
		pids = append(pids, h.pids...)
	}
	return pids
}

// awaitReady waits until the host acknowledges writes.
func (s *side) awaitReady(b *testing.B, host int) {
	b.Helper()
	itest.Eventually(b, 5*time.Minute, func() error {
		if err := s.check(host); err != nil {
			b.Fatal(err)
		}
		return s.ready(host)
	})
}

// ready returns nil when the host acknowledges a write, which changes nothing: that pin exists.
func (s *side) ready(host int) error { return s.pin(host, s.existing[0]) }
