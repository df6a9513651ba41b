// Package testkit has what the tests of several packages need.
package testkit

import (
	"testing"
	"time"

	"github.com/ipfs/boxo/ipld/merkledag"
)

// Eventually polls until ok holds, and fails the test if that takes longer than
// limit.
func Eventually(t testing.TB, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(limit)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("never happened: %s", what)
		}
	}
}

// Tree makes a root with two leaves that differ from those of other names.
func Tree(t testing.TB, name string) (root, left, right *merkledag.ProtoNode) {
	t.Helper()
	root = merkledag.NodeWithData([]byte(name))
	left = merkledag.NodeWithData([]byte(name + " left"))
	right = merkledag.NodeWithData([]byte(name + " right"))
	for _, leaf := range []*merkledag.ProtoNode{left, right} {
		if err := root.AddNodeLink(string(leaf.Data()), leaf); err != nil {
			t.Fatal(err)
		}
	}
	return root, left, right
}
