package rest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/ipfs-cluster/ipfs-cluster/api"

	"github.com/underlay/underlay/internal/pinstatus"
)

// statusLines writes the status of pins as encoding/json does, at a fraction of the cost: most of each line is what the
// peers say of themselves, which is the same from line to line.
type statusLines struct {
	selves map[string]statusSelf // by peer ID
}

func newStatusLines() *statusLines { return &statusLines{selves: make(map[string]statusSelf)} }

// statusSelf is the beginning of every status of one peer.
type statusSelf struct {
	of   api.PinInfoShort
	text []byte
}

// statusLine is one line, for lineWriter.
type statusLine struct {
	*statusLines
	pinstatus.Status
}

// MarshalJSON implements json.Marshaler.
func (l statusLine) MarshalJSON() ([]byte, error) { return l.appendLine(nil) }

// appendLine implements lineAppender.
func (l statusLine) appendLine(b []byte) ([]byte, error) {
	b = append(b, `{"cid":`...)
	b, err := appendJSON(b, l.Cid)
	if err != nil {
		return nil, err
	}
	for _, part := range []struct {
		name  string
		value any
	}{
		{`,"name":`, l.Name}, {`,"allocations":`, l.Allocations}, {`,"origins":`, l.Origins},
		{`,"created":`, l.Created}, {`,"metadata":`, l.Metadata},
	} {
		b = append(b, part.name...)
		if b, err = appendJSON(b, part.value); err != nil {
			return nil, err
		}
	}
	b = append(b, `,"peer_map":`...)
	if b, err = l.appendPeers(b); err != nil {
		return nil, err
	}
	return append(b, '}', '\n'), nil
}

func (l statusLine) appendPeers(b []byte) ([]byte, error) {
	if l.PeerMap == nil {
		return append(b, "null"...), nil
	}
	b = append(b, '{')
	for i, id := range slices.Sorted(maps.Keys(l.PeerMap)) {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = l.appendPeer(b, id, l.PeerMap[id]); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}

func (l statusLine) appendPeer(b []byte, id string, info api.PinInfoShort) ([]byte, error) {
	self, err := l.self(id, info)
	if err != nil {
		return nil, err
	}
	b = append(b, self...)
	for _, part := range []struct {
		name  string
		value any
	}{{`,"status":`, info.Status}, {`,"timestamp":`, info.TS}, {`,"error":`, info.Error}} {
		b = append(b, part.name...)
		if b, err = appendJSON(b, part.value); err != nil {
			return nil, err
		}
	}
	b = strconv.AppendInt(append(b, `,"attempt_count":`...), int64(info.AttemptCount), 10)
	b = strconv.AppendBool(append(b, `,"priority_pin":`...), info.PriorityPin)
	if fetched, ok := l.Progress[id]; ok {
		if b, err = appendJSON(append(b, `,"progress":`...), fetched); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}

// self returns a peer's ID and what it says of itself, up to the status.
func (l *statusLines) self(id string, info api.PinInfoShort) ([]byte, error) {
	known, ok := l.selves[id]
	if ok && known.says(info) {
		return known.text, nil
	}
	b, err := appendJSON(nil, id)
	if err != nil {
		return nil, err
	}
	if b, err = appendJSON(append(b, `:{"peername":`...), info.PeerName); err != nil {
		return nil, err
	}
	if info.IPFS != "" {
		if b, err = appendJSON(append(b, `,"ipfs_peer_id":`...), info.IPFS); err != nil {
			return nil, err
		}
	}
	if len(info.IPFSAddresses) > 0 {
		if b, err = appendJSON(append(b, `,"ipfs_peer_addresses":`...), info.IPFSAddresses); err != nil {
			return nil, err
		}
	}
	l.selves[id] = statusSelf{info, b}
	return b, nil
}

// says tells whether a status has the same beginning: the addresses are compared by where they are in memory.
func (s statusSelf) says(info api.PinInfoShort) bool {
	same := len(s.of.IPFSAddresses) == len(info.IPFSAddresses) &&
		(len(info.IPFSAddresses) == 0 || &s.of.IPFSAddresses[0] == &info.IPFSAddresses[0])
	return same && s.of.PeerName == info.PeerName && s.of.IPFS == info.IPFS
}

// appendJSON appends what json.Marshal makes of v, without its detours for what a status line has most of.
func appendJSON(b []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case string:
		if plainText(v) {
			return append(append(append(b, '"'), v...), '"'), nil
		}
	case api.Cid:
		if v.Defined() {
			return append(append(append(b, '"'), v.String()...), '"'), nil
		}
	case api.TrackerStatus:
		return append(append(append(b, '"'), v.String()...), '"'), nil
	}
	text, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", v, err)
	}
	return append(b, text...), nil
}

// plainText tells whether a string stands in JSON as it is.
func plainText(s string) bool {
	for _, c := range []byte(s) {
		if c < 0x20 || c >= 0x7f || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			return false
		}
	}
	return true
}
