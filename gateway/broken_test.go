package gateway

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/ipfs/boxo/files"
)

// A CAR or a TAR that cannot be had as a whole must not look like one.
func TestBrokenOffResponses(t *testing.T) {
	node := newNode(t, false, nil)
	content := files.NewBytesFile(noise(3 << 20))
	root := add(t, node, content)
	links, err := node.DAG.Get(t.Context(), root.RootCid())
	if err != nil {
		t.Fatal(err)
	}
	if err := node.Blocks.DeleteBlock(t.Context(), links.Links()[9].Cid); err != nil {
		t.Fatal(err)
	}
	g := start(t, Options{Node: node})
	for _, query := range []string{"?format=car", "?format=tar", ""} {
		resp, err := http.Get(g.url + root.String() + query)
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if resp.StatusCode != 200 || n < 1<<20 || err == nil {
			t.Errorf("%q: %s, %d bytes, %v; want some of them and an error", query, resp.Status, n, err)
		}
	}
}

// An answer whose content stops coming is cut, also where it is one of many on its connection; the others go on.
func TestContentThatStopsIsCut(t *testing.T) {
	node := newNode(t, true, nil) // which goes on looking for what is missing
	root := add(t, node, files.NewBytesFile(noise(3<<20)))
	fine := add(t, node, files.NewBytesFile([]byte("fine")))
	file, err := node.DAG.Get(t.Context(), root.RootCid())
	if err != nil {
		t.Fatal(err)
	}
	if err := node.Blockstore.DeleteBlock(t.Context(), file.Links()[9].Cid); err != nil {
		t.Fatal(err)
	}
	g := start(t, Options{Node: node, Limits: Limits{Retrieval: time.Second / 5}})
	for name, ofHTTP2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2": true} {
		transport := &http.Transport{Protocols: new(http.Protocols)}
		transport.Protocols.SetUnencryptedHTTP2(ofHTTP2)
		transport.Protocols.SetHTTP1(!ofHTTP2)
		client := &http.Client{Transport: transport}
		for _, request := range []string{root.String(), root.String() + "?format=car", root.String() + "?format=tar", root.String()} {
			resp, err := client.Get(g.url + request)
			if err != nil {
				t.Fatal(err)
			}
			n, err := io.Copy(io.Discard, resp.Body)
			if resp.Body.Close(); resp.StatusCode != 200 || n < 1<<20 || err == nil {
				t.Errorf("%s, %s: %s, %d bytes, %v; want some of them and an error", name, request, resp.Status, n, err)
			}
			if resp, err = client.Get(g.url + fine.String()); err != nil {
				t.Fatalf("%s, another request: %v", name, err)
			}
			if resp.Body.Close(); resp.StatusCode != 200 || (resp.ProtoMajor == 2) != ofHTTP2 {
				t.Errorf("%s, another request: %s %s", name, resp.Proto, resp.Status)
			}
		}
		transport.CloseIdleConnections()
	}
}
