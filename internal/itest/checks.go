package itest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
)

// Acked notes that the pin of c was acknowledged, so that the cluster must never lose it.
func (c *Cluster) Acked(cid string) { c.acked[cid] = true }

// Unpinned notes that the pin of c is no longer expected.
func (c *Cluster) Unpinned(cid string) { delete(c.acked, cid) }

// checkInvariants verifies what holds after every test, on every peer that runs.
func (c *Cluster) checkInvariants() {
	c.t.Helper()
	Eventually(c.t, time.Minute, func() error {
		var first map[string]string
		for _, p := range c.Peers {
			if !p.running {
				continue
			}
			pins, err := p.Allocations()
			if err != nil {
				return err
			}
			for cid := range c.acked {
				if pins[cid] == "" {
					return fmt.Errorf("%s has lost the acknowledged pin %s", p.Name, cid)
				}
			}
			if first == nil {
				first = pins
			} else if !maps.Equal(first, pins) {
				return fmt.Errorf("pinsets differ: %s has\n%v\nthe first peer has\n%v", p.Name, pins, first)
			}
		}
		return c.checkFiles()
	})
}

// Allocations returns the pinset as the peer reports it: each pin's JSON by CID.
func (p *Peer) Allocations() (map[string]string, error) {
	body, err := p.Do(http.MethodGet, "/allocations")
	if err != nil {
		return nil, err
	}
	pins := make(map[string]string)
	dec := json.NewDecoder(bytes.NewReader(body))
	for {
		var raw json.RawMessage
		if err := dec.Decode(&raw); errors.Is(err, io.EOF) {
			return pins, nil
		} else if err != nil {
			return nil, fmt.Errorf("decode allocations of %s: %w", p.Name, err)
		}
		var pin api.Pin
		if err := json.Unmarshal(raw, &pin); err != nil {
			return nil, fmt.Errorf("decode pin of %s: %w", p.Name, err)
		}
		pins[pin.Cid.String()] = string(raw)
	}
}

// Allocation returns one pin of the pinset as the peer reports it.
func (p *Peer) Allocation(cid string) (api.Pin, error) {
	var pin api.Pin
	body, err := p.Do(http.MethodGet, "/allocations/"+cid)
	if err != nil {
		return pin, err
	}
	return pin, json.Unmarshal(body, &pin)
}

// Status returns how every peer stands with a pin, as this peer reports it.
func (p *Peer) Status(cid string) (api.GlobalPinInfo, error) {
	var info api.GlobalPinInfo
	body, err := p.Do(http.MethodGet, "/pins/"+cid)
	if err != nil {
		return info, err
	}
	return info, json.Unmarshal(body, &info)
}

// PinnedEverywhere returns nil when n peers hold the pin.
func (p *Peer) PinnedEverywhere(cid string, n int) error {
	info, err := p.Status(cid)
	if err != nil {
		return err
	}
	pinned := 0
	for _, peer := range info.PeerMap {
		if peer.Status == api.TrackerStatusPinned {
			pinned++
		}
	}
	if pinned != n {
		return fmt.Errorf("%s is pinned on %d of %d peers: %v", cid, pinned, n, info)
	}
	return nil
}
