package itest

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"
)

// A file that nobody has pinned, and that only one peer has, streams through another peer's gateway, and its first byte does
// not wait for the rest.
func TestGatewayStreamsFromAnotherPeer(t *testing.T) {
	c := Start(t)
	var firsts, wholes []time.Duration
	for i := range 5 {
		content := randomContent(uint64(i), 20<<20)
		cid, err := c.Peers[0].Add(content, "pin=false&cid-version=1")
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		res, err := http.Get(c.Peers[2].Gateway + "/ipfs/" + cid)
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(content))
		if _, err := io.ReadFull(res.Body, got[:1]); err != nil {
			t.Fatal(err)
		}
		firsts = append(firsts, time.Since(began))
		_, err = io.ReadFull(res.Body, got[1:])
		wholes = append(wholes, time.Since(began))
		if res.Body.Close(); err != nil || !bytes.Equal(got, content) {
			t.Fatalf("%s: %v", res.Status, err)
		}
	}
	slices.Sort(firsts)
	t.Logf("first byte: %s, whole files of 20 MiB: %s", firsts, wholes)
	if firsts[2] > 500*time.Millisecond { // 50 ms, on a machine that does nothing else
		t.Errorf("the first byte comes after %s", firsts[2])
	}
}
