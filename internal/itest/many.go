package itest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
)

// InlineCID is a CID that has its content in it: a pin of it needs no block.
func InlineCID(t testing.TB, content string) string {
	t.Helper()
	sum, err := multihash.Sum([]byte(content), multihash.IDENTITY, -1)
	if err != nil {
		t.Fatalf("make a CID of %q: %v", content, err)
	}
	return cid.NewCidV1(cid.Raw, sum).String()
}

// PinMany makes pins in one bulk request, for as long as next returns one, and returns when the last is committed.
func (p *Peer) PinMany(next func() (pin string, more bool)) error {
	from, to := io.Pipe()
	go func() {
		out := bufio.NewWriter(to)
		for pin, more := next(); more; pin, more = next() {
			if _, err := fmt.Fprintln(out, pin); err != nil {
				break // the other end says why
			}
		}
		to.CloseWithError(out.Flush())
	}()
	defer from.Close()
	req, err := http.NewRequest(http.MethodPost, p.REST+"/pins", from)
	if err != nil {
		return err
	}
	resp, err := p.http.Transport.RoundTrip(req) // it may take longer than other requests
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answers := json.NewDecoder(resp.Body)
	for answers.More() {
		var a struct {
			Status int
			Error  string
		}
		if err := answers.Decode(&a); err != nil {
			return fmt.Errorf("pin in bulk: %w", err)
		}
		if a.Status != http.StatusOK {
			return fmt.Errorf("pin in bulk: status %d: %s", a.Status, a.Error)
		}
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("pin in bulk: status %d", resp.StatusCode)
	}
	return nil
}
