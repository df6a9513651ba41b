package pinset

import (
	"context"
	"errors"
	"testing"
)

// Whoever waits for the values of one space is woken by its changes, a restore included, and by nothing else.
func TestNextValues(t *testing.T) {
	m := testMachine(t, t.TempDir())
	next := func(space string, seen uint64) chan uint64 {
		found := make(chan uint64, 1)
		go func() {
			n, err := m.NextValues(t.Context(), space, seen)
			if err != nil {
				t.Error(err)
			}
			found <- n
		}()
		return found
	}
	keys, files := next("key", 0), next("files", 0)
	m.Apply(command(t, 1, 1, 1, SetValueOp("files", []byte("root"))))
	if n := <-files; n != 1 {
		t.Errorf("files changed at %d, want 1", n)
	}
	m.Apply(command(t, 2, 1, 2, PinOp(plainPin(1)), SetValueOp("key/one", nil)))
	if n := <-keys; n != 2 {
		t.Errorf("keys changed at %d, want 2", n)
	}
	files = next("files", 1)
	m.Apply(command(t, 3, 1, 3, SetValueOp("key/two", nil)))
	select {
	case n := <-files:
		t.Errorf("files changed at %d, but only keys did", n)
	default:
	}
	source := filledMachine(t, t.TempDir(), 9)
	if err := restoreBytes(m, takeSnapshot(t, source)); err != nil {
		t.Fatal(err)
	}
	if n := <-files; n != 9 {
		t.Errorf("after a restore files changed at %d, want 9", n)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := m.NextValues(ended, "files", 9); !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v, want that of the context", err)
	}
}
