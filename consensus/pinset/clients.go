package pinset

import (
	"encoding/binary"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

const (
	// ClientWindow is how many outcomes are kept for each client. A proposer must
	// not let its newest sequence run that far ahead of an unfinished one.
	ClientWindow = 64
	// maxClients bounds the table. Each start of a peer is a new client.
	maxClients = 1024
)

// outcome is what applying an entry yielded.
type outcome struct {
	index  uint64 // of the log entry
	packed []byte // results of the operations
}

// clientTable remembers the outcome of recent entries, so that an entry that
// was proposed twice is applied once. It is part of the replicated state: its
// content depends on the log alone. Only the machine's apply goroutine uses it.
type clientTable struct {
	clients map[ClientID]*client
}

type client struct {
	window map[uint64]outcome // by sequence
	newest uint64             // highest sequence in window
	last   uint64             // highest log index in window
}

type verdict byte

const (
	entryFresh     verdict = iota // apply it
	entryRepeated                 // its outcome is known
	entryForgotten                // older than the window: the outcome is lost
)

func newClientTable() *clientTable {
	return &clientTable{clients: make(map[ClientID]*client)}
}

func (t *clientTable) lookup(id ClientID, seq uint64) (outcome, verdict) {
	c := t.clients[id]
	if c == nil {
		return outcome{}, entryFresh
	}
	if o, ok := c.window[seq]; ok {
		return o, entryRepeated
	}
	if Expired(c.newest, seq) {
		return outcome{}, entryForgotten
	}
	return outcome{}, entryFresh
}

// Expired reports whether the outcome of seq is forgotten once a client's newest
// sequence is applied.
func Expired(newest, seq uint64) bool { return newest >= ClientWindow && seq <= newest-ClientWindow }

// add records an outcome without touching the store.
func (t *clientTable) add(id ClientID, seq uint64, o outcome) *client {
	c := t.clients[id]
	if c == nil {
		c = &client{window: make(map[uint64]outcome)}
		t.clients[id] = c
	}
	c.window[seq] = o
	c.newest = max(c.newest, seq)
	c.last = max(c.last, o.index)
	return c
}

// record remembers the outcome of a freshly applied entry, and forgets what no
// longer fits, in memory and in b.
func (t *clientTable) record(b *pebble.Batch, id ClientID, seq uint64, o outcome) error {
	c := t.add(id, seq, o)
	if err := b.Set(outcomeKey(id, seq), encodeOutcome(o), nil); err != nil {
		return err
	}
	for s := range c.window {
		if !Expired(c.newest, s) {
			continue
		}
		delete(c.window, s)
		if err := b.Delete(outcomeKey(id, s), nil); err != nil {
			return err
		}
	}
	if len(t.clients) > maxClients {
		return t.evict(b)
	}
	return nil
}

// evict drops the client whose latest entry is the oldest. Log indexes are
// unique, so every peer picks the same one.
func (t *clientTable) evict(b *pebble.Batch) error {
	var victim ClientID
	oldest := ^uint64(0)
	for id, c := range t.clients {
		if c.last < oldest {
			victim, oldest = id, c.last
		}
	}
	for seq := range t.clients[victim].window {
		if err := b.Delete(outcomeKey(victim, seq), nil); err != nil {
			return err
		}
	}
	delete(t.clients, victim)
	return nil
}

func outcomeKey(id ClientID, seq uint64) []byte {
	k := append(make([]byte, 0, 1+clientIDLen+8), keyOutcome)
	return binary.BigEndian.AppendUint64(append(k, id[:]...), seq)
}

func decodeOutcomeKey(k []byte) (id ClientID, seq uint64, err error) {
	if len(k) != 1+clientIDLen+8 {
		return id, 0, fmt.Errorf("%w: outcome key of %d bytes", ErrCorrupt, len(k))
	}
	copy(id[:], k[1:])
	return id, binary.BigEndian.Uint64(k[1+clientIDLen:]), nil
}

func encodeOutcome(o outcome) []byte {
	return append(binary.AppendUvarint(nil, o.index), o.packed...)
}

func decodeOutcome(b []byte) (outcome, error) {
	r := reader{buf: b}
	o := outcome{index: r.uvarint()}
	if r.err != nil {
		return outcome{}, fmt.Errorf("decode outcome: %w", r.err)
	}
	o.packed = append([]byte(nil), r.buf...)
	return o, nil
}
