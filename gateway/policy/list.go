package policy

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/ipfs-shipyard/nopfs"
	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
)

// statusHint is the hint, of a list or a rule, with the status for what is denied.
const statusHint = "gateway_status"

// list is a denylist that was read. It never changes.
type list struct {
	name   string
	rules  *nopfs.Denylist // all but the plain double hashes; nil: there are none
	hashes hashes
	status int  // that the list asks for; 0: none
	deep   bool // what is below a path that is denied is so, too
	size   int  // rules
	faults int  // lines that are no rules
}

// readList reads a denylist in the compact format. Lines that are no rules are counted and left out. The error means
// that most of it is no denylist.
func readList(name string, data []byte) (*list, error) {
	if bytes.Contains(data, []byte("\r\n")) {
		data = bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))
	}
	header, body := cutHeader(data)
	l := &list{name: name}
	rest, others := l.sort(header, body)
	known, err := nopfs.NewDenylistReader(content{bytes.NewReader(rest)})
	if err != nil {
		return nil, fmt.Errorf("read denylist %s: %w", name, err)
	}
	l.status = statusOf(known.Header.Hints)
	if n := len(known.Entries); others > 0 {
		l.faults += others - n
		l.size += n
		known.Entries = nil // only for those who list them
		l.rules = known
	}
	if l.faults > l.size {
		return nil, fmt.Errorf("read denylist %s: %w: %d lines are no rules, %d are", name, errNoList, l.faults, l.size)
	}
	return l, nil
}

// errNoList says that something is no denylist.
var errNoList = errors.New("this is no denylist")

// content is what nopfs reads from.
type content struct{ *bytes.Reader }

// Close implements io.Closer.
func (content) Close() error { return nil }

// endOfHeader is the line after the header of a list.
const endOfHeader = "---\n"

// maxHeaderBytes bounds a header.
const maxHeaderBytes = 1 << 20

// cutHeader splits a list; the header is empty if there is none.
func cutHeader(data []byte) (header, body []byte) {
	if bytes.HasPrefix(data, []byte(endOfHeader)) {
		return nil, data[len(endOfHeader):]
	}
	head := data[:min(len(data), maxHeaderBytes)]
	if at := bytes.Index(head, []byte("\n"+endOfHeader)); at >= 0 {
		return data[:at+1], data[at+1+len(endOfHeader):]
	}
	return nil, data
}

// sort takes the plain double hashes out of a list, and returns it with the others, of which there are so many.
func (l *list) sort(header, body []byte) (rest []byte, others int) {
	rest = append(append(rest, header...), endOfHeader...)
	exempts := exemptsHashes(body)
	for line := range bytes.SplitSeq(body, []byte("\n")) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		if d, ok := plainHash(line); ok && !exempts {
			l.hashes = append(l.hashes, d)
			l.size++
			continue
		}
		if !isRule(line) {
			l.faults++
			continue
		}
		rest = append(append(rest, line...), '\n')
		others++
	}
	l.hashes.sort()
	return rest, others
}

// exemptsHashes tells lists in which the order of the double hashes matters, since one may take another back.
func exemptsHashes(body []byte) bool {
	for _, sign := range []string{"+//", "-//", "!//"} {
		if bytes.HasPrefix(body, []byte(sign)) || bytes.Contains(body, []byte("\n"+sign)) {
			return true
		}
	}
	return false
}

func isRule(line []byte) bool {
	if bytes.IndexByte([]byte("+-!"), line[0]) >= 0 {
		line = line[1:]
	}
	return len(line) > 1 && line[0] == '/'
}

// plainHash reads a double hash by SHA-256 that has no hints.
func plainHash(line []byte) (d digest, ok bool) {
	text, ok := bytes.CutPrefix(line, []byte("//"))
	if !ok {
		return d, false
	}
	if len(text) == 2*len(d) {
		_, err := hex.Decode(d[:], text)
		return d, err == nil
	}
	if len(text) != 46 { // of a multihash of SHA-256 in base58
		return d, false
	}
	sum, err := multihash.FromB58String(string(text))
	if err != nil {
		return d, false
	}
	decoded, err := multihash.Decode(sum)
	if err != nil || decoded.Code != multihash.SHA2_256 || len(decoded.Digest) != len(d) {
		return d, false
	}
	return digest(decoded.Digest), true
}

// statusOf is the status that hints ask for, 0 if there is none that a gateway gives.
func statusOf(hints map[string]string) int {
	status, err := strconv.Atoi(hints[statusHint])
	if err != nil || !isStatus(status) {
		return 0
	}
	return status
}

func isStatus(status int) bool {
	return status == http.StatusGone || status == http.StatusUnavailableForLegalReasons
}

// path judges the path of a subject. Unless ok, the list has nothing to say about it.
func (l *list) path(s *subject) (v Verdict, ok bool) {
	if l.rules != nil {
		for p := range s.prefixes(l.deep) {
			if v, ok := l.verdict(l.rules.IsPathBlocked(p)); ok {
				return v, true
			}
		}
	}
	return l.hashed(s.digests)
}

// block judges a block.
func (l *list) block(c cid.Cid, digests func() []digest) (v Verdict, ok bool) {
	if l.rules != nil {
		if v, ok := l.verdict(l.rules.IsCidBlocked(c)); ok {
			return v, true
		}
	}
	return l.hashed(digests)
}

func (l *list) verdict(answer nopfs.StatusResponse) (v Verdict, ok bool) {
	switch answer.Status {
	case nopfs.StatusBlocked:
		return Verdict{Denied: true, Status: statusOf(answer.Entry.Hints), List: l.name, Rule: answer.Entry.RawValue}, true
	case nopfs.StatusAllowed:
		return Verdict{}, true
	}
	return v, false
}

func (l *list) hashed(digests func() []digest) (v Verdict, ok bool) {
	if len(l.hashes) == 0 {
		return v, false
	}
	for _, d := range digests() {
		if l.hashes.has(d) {
			return Verdict{Denied: true, Status: l.status, List: l.name, Rule: "//" + hex.EncodeToString(d[:])}, true
		}
	}
	return v, false
}
