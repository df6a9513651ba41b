package uitest

import (
	"encoding/base64"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"

	"github.com/underlay/underlay/consensus"
	"github.com/underlay/underlay/internal/browser"
	"github.com/underlay/underlay/internal/itest"
)

// timings are when the page in the browser had its first byte and when it first showed something, in milliseconds after it was
// asked for.
const timings = `(() => {
	const page = performance.getEntriesByType('navigation')[0], paint = performance.getEntriesByName('first-contentful-paint')[0]
	return page.loadEventEnd && paint ? [page.responseStart, paint.startTime, page.encodedBodySize] : []
})()`

// BenchmarkConsole prints how soon pages of the console show when there are many pins, and what the peer that makes them takes.
// Nothing here fails for being slow.
func BenchmarkConsole(b *testing.B) {
	pins, rounds := fromEnv(b, "BENCH_PINS", 1_000_000), fromEnv(b, "BENCH_ROUNDS", 9)
	tab := browser.Open(b)
	c := itest.Start(b)
	peer := c.Peers[1]
	b.Cleanup(func() { c.KillAll(c.Peers...) }) // comparing so many pins at the end would take longer than all of this
	before := memoryOf(b, peer)
	cids := make([]string, 0, pins)
	err := c.Peers[0].PinMany(func() (string, bool) {
		if len(cids) == pins {
			return "", false
		}
		cids = append(cids, itest.InlineCID(b, fmt.Sprint("benchmark ", len(cids))))
		return fmt.Sprintf(`{"cid": %q, "name": "pin %d", "metadata": {"batch": "%d"}}`, cids[len(cids)-1], len(cids), len(cids)/1000), true
	})
	if err != nil {
		b.Fatal(err)
	}
	awaitCalm(tab, peer)
	filled := memoryOf(b, peer)

	fmt.Printf("| page | bytes | first byte, ms | first render, ms |\n|---|---|---|---|\n")
	for _, page := range []struct{ name, path string }{
		{"Overview", ""}, {"Pins, first page", "pins"}, {"Pins, page in the middle", "pins?after=" + middle(b, cids)},
		{"Pins, by name", "pins?name=pin+5"}, {"Pins, by metadata", "pins?meta=batch%3D500"},
		{"Pins in error, of which there are none", "pins?state=error"}, {"one pin", "pins/" + cids[pins/2]},
	} {
		measure(tab, page.name, peer.API+"/ui/"+page.path, rounds)
	}
	for name, kib := range map[string]int{"empty": before, "filled": filled, "looked-at": memoryOf(b, peer)} {
		b.ReportMetric(float64(kib)/1024, "MiB-"+name)
	}
	b.ReportMetric(0, "ns/op") // says nothing here
}

// measure opens a page several times, each time with what it needs in the browser's cache, and prints the medians.
func measure(tab *browser.Tab, name, url string, rounds int) {
	var first, shown []float64
	bytes := 0.
	for range rounds {
		tab.Goto(url, 1280, "light")
		var got []float64
		itest.Eventually(tab.T, time.Minute, func() error {
			if got = browser.Evaluate[[]float64](tab, timings); len(got) == 0 {
				return fmt.Errorf("%s is not shown yet", url)
			}
			return nil
		})
		first, shown, bytes = append(first, got[0]), append(shown, got[1]), got[2]
	}
	fmt.Printf("| %s | %.0f | %s | %s |\n", name, bytes, median(first), median(shown))
}

func median(values []float64) string {
	slices.Sort(values)
	return fmt.Sprintf("%.0f (%.0f..%.0f)", values[len(values)/2], values[0], values[len(values)-1])
}

// awaitCalm waits until no peer has anything left to do.
func awaitCalm(tab *browser.Tab, p *itest.Peer) {
	tab.Goto(p.API+"/ui/pins", 1280, "light")
	says(tab, 20*time.Minute, "#counts", "0 wait, 0 being fetched, 0 in error")
}

// middle is a cursor in the middle of all pins.
func middle(b *testing.B, cids []string) string {
	var cursors []string // as bytes, which sort as the pins do
	for _, text := range cids {
		c, err := api.DecodeCid(text)
		if err != nil {
			b.Fatal(err)
		}
		raw, err := base64.RawURLEncoding.DecodeString(consensus.Query{}.Behind(api.PinCid(c)))
		if err != nil {
			b.Fatal(err)
		}
		cursors = append(cursors, string(raw))
	}
	slices.SortFunc(cursors, strings.Compare)
	return base64.RawURLEncoding.EncodeToString([]byte(cursors[len(cursors)/2]))
}

func memoryOf(b *testing.B, p *itest.Peer) int {
	memory, err := p.Memory()
	if err != nil {
		b.Fatal(err)
	}
	return memory["proportional"]
}

func fromEnv(b *testing.B, name string, standard int) int {
	text := os.Getenv(name)
	if text == "" {
		return standard
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		b.Fatalf("%s: %q is no number above 0", name, text)
	}
	return n
}
