package psa

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"

	"github.com/underlay/underlay/consensus"
)

// The values of the service. Times in keys count down, so that the newest request comes first.
const (
	space       = "psa"
	recordSpace = space + "/r/" // then the time: a record
	indexSpace  = space + "/i/" // then the CID, a slash and the time of a request for it: nothing
	claimSpace  = space + "/c/" // then a CID: its claim
	waitSpace   = space + "/w/" // then a CID that was not seen to be held yet: see settle
)

// Pin is what somebody asks to pin.
type Pin struct {
	Cid     api.Cid           `json:"cid"`
	Name    string            `json:"name,omitempty"`
	Origins []api.Multiaddr   `json:"origins,omitempty"`
	Meta    map[string]string `json:"meta,omitempty"`
}

// requestID identifies a request: when it was made, which no other request was, and something that nobody can guess.
type requestID struct {
	time   int64 // microseconds since 1970
	secret [8]byte
}

func newRequestID(now time.Time) requestID {
	id := requestID{time: now.UnixMicro()}
	_, _ = rand.Read(id.secret[:]) // never fails on the systems we support
	return id
}

// requestIDLen is the length of an identifier as text.
const requestIDLen = 16 + 2*len(requestID{}.secret)

func (id requestID) String() string { return fmt.Sprintf("%016x%x", uint64(id.time), id.secret) }

// parseRequestID reads an identifier; it returns false for what is none.
func parseRequestID(s string) (id requestID, ok bool) {
	if len(s) != requestIDLen {
		return id, false
	}
	since, err := strconv.ParseUint(s[:16], 16, 63)
	if err != nil {
		return id, false
	}
	secret, err := strconv.ParseUint(s[16:], 16, 64)
	if err != nil {
		return id, false
	}
	id.time = int64(since)
	binary.BigEndian.PutUint64(id.secret[:], secret)
	return id, id.String() == s // in small letters, without signs
}

// timeKey is a time as it stands in keys.
func timeKey(micros int64) string { return fmt.Sprintf("%016x", ^uint64(micros)) }

func parseTimeKey(s string) (micros int64, err error) {
	n, err := strconv.ParseUint(s, 16, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: time %q of a request: %w", consensus.ErrCorrupt, s, err)
	}
	return int64(^n), nil
}

// request is one request to pin.
type request struct {
	id  requestID
	pin Pin
}

func (r request) created() time.Time { return time.UnixMicro(r.id.time).UTC() }
func (r request) key() string        { return recordSpace + timeKey(r.id.time) }
func (r request) indexKey() string   { return indexKeys(r.pin.Cid) + timeKey(r.id.time) }

// indexKeys is what the keys of all requests for a CID begin with.
func indexKeys(c api.Cid) string { return indexSpace + c.String() + "/" }

// A record is, behind a byte for its version, the secret part of the identifier, the CID and the name, each with its
// length before it, and the rest as JSON, which a list reads for the few that it shows.
const recordVersion = 1

// recordRest is the part of a record that lists need not look at, unless they filter by it.
type recordRest struct {
	Origins []api.Multiaddr   `json:"origins,omitempty"`
	Meta    map[string]string `json:"meta,omitempty"`
}

func (r request) encode() ([]byte, error) {
	b := append([]byte{recordVersion}, r.id.secret[:]...)
	for _, field := range [][]byte{r.pin.Cid.Bytes(), []byte(r.pin.Name)} {
		b = append(binary.AppendUvarint(b, uint64(len(field))), field...)
	}
	rest, err := encodeJSON(recordRest{r.pin.Origins, r.pin.Meta})
	if err != nil {
		return nil, fmt.Errorf("encode request for %s: %w", r.pin.Cid, err)
	}
	return append(b, rest...), nil
}

// encodeJSON writes JSON as it stands in records.
func encodeJSON(v any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(v)
	return out.Bytes(), err
}

// record is a stored request whose rest was not looked at yet.
type record struct {
	request
	rest     []byte
	revision uint64
}

func decodeRecord(v consensus.Value) (record, error) {
	r, err := splitRecord(v)
	if err != nil {
		return record{}, fmt.Errorf("decode request %s: %w", v.Key, err)
	}
	return r, nil
}

var errShort = errors.New("it is too short")

func splitRecord(v consensus.Value) (r record, err error) {
	r.revision = v.Revision
	if r.id.time, err = parseTimeKey(v.Key[len(recordSpace):]); err != nil {
		return r, err
	}
	b := v.Data
	if len(b) < 1+len(r.id.secret) {
		return r, fmt.Errorf("%w: %w", consensus.ErrCorrupt, errShort)
	}
	if b[0] != recordVersion {
		return r, fmt.Errorf("version %d is unknown to this program", b[0])
	}
	b = b[1+copy(r.id.secret[:], b[1:]):]
	var fields [2][]byte
	for i := range fields {
		size, n := binary.Uvarint(b)
		if n <= 0 || size > uint64(len(b)-n) {
			return r, fmt.Errorf("%w: %w", consensus.ErrCorrupt, errShort)
		}
		fields[i], b = b[n:n+int(size)], b[n+int(size):]
	}
	if r.pin.Cid, err = api.CastCid(fields[0]); err != nil {
		return r, fmt.Errorf("%w: %w", consensus.ErrCorrupt, err)
	}
	r.pin.Name, r.rest = string(fields[1]), b
	return r, nil
}

// whole reads the rest.
func (r record) whole() (record, error) {
	var rest recordRest
	if err := json.Unmarshal(r.rest, &rest); err != nil {
		return r, fmt.Errorf("decode request %s: %w: %w", r.id, consensus.ErrCorrupt, err)
	}
	r.pin.Origins, r.pin.Meta = rest.Origins, rest.Meta
	return r, nil
}
