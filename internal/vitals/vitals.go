// Package vitals is what a peer says of itself when it is asked how it is. It costs a peer next to nothing to say it, however
// many pins there are.
package vitals

import "time"

// Vitals is how a peer is.
type Vitals struct {
	ID      string            `json:"id"`
	Name    string            `json:"name"`
	Version string            `json:"version"`
	Tags    map[string]string `json:"tags,omitempty"` // of its settings, such as its zone
	Started time.Time         `json:"started"`        // when the process did

	Consensus Consensus `json:"consensus"`
	Disk      Disk      `json:"disk"`
	Memory    Memory    `json:"memory"`
	Pins      Pins      `json:"pins"`
}

// Consensus is a peer's part in the consensus.
type Consensus struct {
	Leader  string `json:"leader"` // its ID; empty while there is none
	Term    uint64 `json:"term"`
	Voter   bool   `json:"voter"`
	Applied uint64 `json:"applied"` // the last entry of the log that holds operations, and is in its state
	// LastContactMs is for how long it has not heard of the leader; negative if it never has.
	LastContactMs int64 `json:"last_contact_ms"`
}

// Disk is what the node's repository takes, and how much larger it may become.
type Disk struct {
	Used uint64 `json:"used"`
	Free uint64 `json:"free"`
}

// Memory is what the process has taken and not given back, and what it may; a limit of 0 is none.
type Memory struct {
	Used  uint64 `json:"used"`
	Limit uint64 `json:"limit"`
}

// Pins counts the pins of the cluster, and those of them that this peer shall hold and does not yet.
type Pins struct {
	Total   uint64 `json:"total"`
	Queued  int    `json:"queued"`
	Pinning int    `json:"pinning"`
	Failed  int    `json:"failed"`
	// Scanning says that the peer compares what it holds with the pinset, and may not have found all of that yet.
	Scanning bool `json:"scanning"`
}
