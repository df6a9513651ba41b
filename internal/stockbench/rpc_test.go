package stockbench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/underlay/underlay/internal/itest"
)

// sidesVariable names the sides that BenchmarkRPC measures: stock, underlay or both, separated by a comma.
const sidesVariable = "BENCH_SIDES"

// BenchmarkRPC compares what clients of the IPFS RPC API get through a load balancer in front of each side's three hosts.
func BenchmarkRPC(b *testing.B) {
	rounds := intSetting(b, roundsVariable, 3)
	loadPlugins(b)
	for range b.N {
		compareRPC(b, rounds)
	}
	b.ReportMetric(0, "ns/op") // says nothing here
}

func compareRPC(b *testing.B, rounds int) {
	var sides []*side
	existing := inlineCIDs(1)
	for _, name := range strings.Split(setting(sidesVariable, "stock,underlay"), ",") {
		start := map[string]func(*testing.B, []string) *side{"stock": startStock, "underlay": startOurs}[name]
		if start == nil {
			b.Fatalf("%s: there is no side %q", sidesVariable, name)
		}
		s := start(b, existing)
		var apis []string
		for _, h := range s.hosts {
			apis = append(apis, h.api)
		}
		s.balancer = itest.StartBalancer(b, apis)
		sides = append(sides, s)
	}
	t := newTable()
	for round := range rounds {
		order := slices.Clone(sides)
		if round%2 == 1 {
			slices.Reverse(order)
		}
		for _, m := range rpcMeasurements() {
			for _, s := range order {
				began := time.Now()
				m(b, s, t)
				b.Logf("round %d, %s: %.0f s", round+1, s.name, time.Since(began).Seconds())
			}
		}
	}
	fmt.Printf("\n### RPC API through a balancer, %d rounds\n\n%s\n", rounds, t.markdown())
}

// rpcMeasurements take figures of one side and put them into the table.
func rpcMeasurements() []func(*testing.B, *side, *table) {
	return []func(*testing.B, *side, *table){
		func(b *testing.B, s *side, t *table) { measureAdds(b, s, t, 1, 100, 200) },
		func(b *testing.B, s *side, t *table) { measureAdds(b, s, t, 16, 300, 2000) },
		func(b *testing.B, s *side, t *table) { measureAdds(b, s, t, 64, 300, 3000) },
		func(b *testing.B, s *side, t *table) { measurePinAdds(b, s, t, 16, 400, 3000) },
		func(b *testing.B, s *side, t *table) { measurePinAdds(b, s, t, 64, 600, 6000) },
		func(b *testing.B, s *side, t *table) { measureLargeAdd(b, s, t, 100) },
		func(b *testing.B, s *side, t *table) { measureLargeAdd(b, s, t, 1024) },
		measureCat,
	}
}

func (s *side) count(onStock, onOurs int) int {
	if s.name == "stock" {
		return onStock
	}
	return onOurs
}

// measureAdds adds files of 4 KiB.
func measureAdds(b *testing.B, s *side, t *table, clients, onStock, onOurs int) {
	b.Helper()
	files := make(map[string][]byte)
	var names []string
	for i := range s.count(onStock, onOurs) {
		name := fmt.Sprint(i)
		files[name], names = random(4096), append(names, name)
	}
	added := make(chan string, len(names))
	began := s.mark(b)
	r := load(b, s, clients, names, func(_ int, name string) error {
		cid, err := s.add(s.balancer, bytes.NewReader(files[name]), "cid-version=1")
		added <- cid
		return err
	})
	close(added)
	var cids []string
	for cid := range added {
		cids = append(cids, cid)
	}
	t.addLoad(s, fmt.Sprintf("files of 4 KiB added, %d clients", clients), r, began, awaitSettled(b, s, "pinned", cids))
}

// measurePinAdds pins blocks that every host's node has stored before.
func measurePinAdds(b *testing.B, s *side, t *table, clients, onStock, onOurs int) {
	b.Helper()
	cids := s.importBlocks(b, s.count(onStock, onOurs))
	began := s.mark(b)
	r := load(b, s, clients, cids, func(_ int, cid string) error {
		_, err := s.request(http.MethodPost, s.balancer+"/api/v0/pin/add?arg="+cid)
		return err
	})
	t.addLoad(s, fmt.Sprintf("pin/add of local content, %d clients", clients), r, began, awaitSettled(b, s, "pinned", cids))
}

// measureLargeAdd adds one file, and takes it away again.
func measureLargeAdd(b *testing.B, s *side, t *table, mib int) {
	b.Helper()
	content := random(mib << 20)
	began := s.mark(b)
	cid, err := s.add(s.balancer, bytes.NewReader(content), "cid-version=1")
	if err != nil {
		b.Fatalf("%s: add %d MiB: %v", s.name, mib, err)
	}
	acknowledged := time.Since(began.at)
	done := awaitSettled(b, s, "pinned", []string{cid})
	what := fmt.Sprintf("add of %d MiB", mib)
	t.add(s, what+", MiB/s acknowledged", "%.0f", false, perSecond(mib, acknowledged))
	t.add(s, what+", MiB/s until on all three", "%.0f", false, perSecond(mib, done.at.Sub(began.at)))
	t.add(s, what+", CPU ms per MiB, all peers", "%.1f", true, milliseconds(done.cpu-began.cpu)/float64(mib))
	if err := s.unpin(0, cid); err != nil {
		b.Fatal(err)
	}
	awaitSettled(b, s, "unpinned", []string{cid})
	for _, h := range s.hosts {
		if _, err := s.request(http.MethodPost, h.rpc+"/api/v0/repo/gc?quiet=true"); err != nil {
			b.Fatal(err)
		}
	}
}

// measureCat reads files of 4 MiB through a host whose node has none of their blocks, which another one has unpinned.
func measureCat(b *testing.B, s *side, t *table) {
	b.Helper()
	const size = 4 << 20
	var first, whole []time.Duration
	for i := range 15 {
		holder, reader := i%len(s.hosts), (i+1)%len(s.hosts)
		cid, err := s.add(s.hosts[holder].rpc, bytes.NewReader(random(size)), "cid-version=1&pin=false")
		if err != nil {
			b.Fatal(err)
		}
		began := time.Now()
		resp, err := s.client.Post(s.hosts[reader].rpc+"/api/v0/cat?arg="+cid, "", nil)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(resp.Body, make([]byte, 1)); err != nil {
			b.Fatalf("%s: cat: %v", s.name, err)
		}
		first = append(first, time.Since(began))
		n, err := io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if err != nil || n != size-1 {
			b.Fatalf("%s: cat: %d bytes, %v", s.name, n+1, err)
		}
		whole = append(whole, time.Since(began))
	}
	slices.Sort(first)
	slices.Sort(whole)
	t.add(s, "cat through a peer without the blocks, p50 ms to the first byte", "%.1f", true, quantile(first, 0.5))
	t.add(s, "cat through a peer without the blocks, slowest first byte, ms", "%.1f", true, quantile(first, 1))
	t.add(s, "cat of 4 MiB through a peer without the blocks, p50 ms", "%.1f", true, quantile(whole, 0.5))
}

// add adds a file through the RPC API at the URL and returns its CID.
func (s *side) add(url string, content io.Reader, query string) (string, error) {
	body, form := io.Pipe()
	parts := multipart.NewWriter(form)
	go func() {
		part, err := parts.CreateFormFile("file", "file")
		if err == nil {
			_, err = io.Copy(part, content)
		}
		if err == nil {
			err = parts.Close()
		}
		form.CloseWithError(err) // nil ends the body; another error means that nobody reads on
	}()
	patient := &http.Client{Transport: s.client.Transport}
	resp, err := patient.Post(url+"/api/v0/add?quiet=true&"+query, parts.FormDataContentType(), body)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", err
	}
	if late := resp.Trailer.Get("X-Stream-Error"); resp.StatusCode != http.StatusOK || late != "" {
		return "", fmt.Errorf("add: %w %d: %s%s", errStatus, resp.StatusCode, answer, late)
	}
	lines := bytes.Split(bytes.TrimSpace(answer), []byte("\n"))
	var added struct{ Hash string }
	return added.Hash, json.Unmarshal(lines[len(lines)-1], &added)
}
