package itest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"syscall"
	"testing"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
)

// faultMode tells whether the long versions of the fault tests are wanted, as `make fault` does.
func faultMode() bool { return os.Getenv("UNDERLAY_FAULT") == "1" }

// scaled returns usual in `go test`, and long in fault mode.
func scaled(usual, long int) int {
	if faultMode() {
		return long
	}
	return usual
}

// seed returns the seed of a randomised test and prints how to use it again.
func seed(t testing.TB) uint64 {
	t.Helper()
	n := rand.Uint64()
	if given := os.Getenv("UNDERLAY_SEED"); given != "" {
		var err error
		if n, err = strconv.ParseUint(given, 10, 64); err != nil {
			t.Fatalf("UNDERLAY_SEED: %v", err)
		}
	}
	t.Logf("replay with UNDERLAY_SEED=%d", n)
	return n
}

// absentCID names content that nobody has: its pin never gets further than "pinning".
func absentCID(t testing.TB, label string) string { return rawCID(t, label, multihash.SHA2_256) }

// inlineCID holds its content in itself, so that every peer can pin it at once.
func inlineCID(t testing.TB, label string) string { return rawCID(t, label, multihash.IDENTITY) }

func rawCID(t testing.TB, label string, hash uint64) string {
	sum, err := multihash.Sum([]byte(label), hash, -1)
	if err != nil {
		t.Errorf("make a CID of %q: %v", label, err)
	}
	return cid.NewCidV1(cid.Raw, sum).String()
}

// outcome is what a client learned about its request.
type outcome int

const (
	done    outcome = iota // acknowledged
	absent                 // the pin does not exist
	unknown                // failed or cut: it may have taken effect
	unsent                 // nobody listened: it has certainly not taken effect
)

func (o outcome) String() string { return [...]string{"done", "absent", "unknown", "unsent"}[o] }

// errRefused reports an answer that no fault explains.
var errRefused = errors.New("a good request was refused")

// learn reads from an error of a request to the REST API what its client learned.
func learn(err error) (outcome, error) {
	if err == nil {
		return done, nil
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		return unsent, nil
	}
	status, ok := errors.AsType[*StatusError](err)
	switch {
	case !ok || status.Code >= http.StatusInternalServerError:
		return unknown, nil
	case status.Code == http.StatusNotFound:
		return absent, nil
	default:
		return unknown, fmt.Errorf("%w: %w", errRefused, err)
	}
}
