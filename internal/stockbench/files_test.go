package stockbench

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/underlay/underlay/internal/itest"
)

// filesSide is what clients of the files commands talk to: one plain kubo, or three peers in turn.
type filesSide struct {
	name   string
	bases  []string
	turn   int
	client *http.Client
}

// listed is how many entries the directory has that is listed.
const listed = 10_000

// BenchmarkFiles compares the files commands through three peers in turn with those of one plain kubo, request by request.
func BenchmarkFiles(b *testing.B) {
	rounds := intSetting(b, roundsVariable, 1)
	loadPlugins(b)
	for range b.N {
		cluster := itest.Start(b)
		ours := &filesSide{name: "underlay", client: newClient()}
		for _, p := range cluster.Peers {
			ours.bases = append(ours.bases, p.API)
		}
		kubo := &filesSide{name: "kubo", client: newClient(), bases: []string{startPlainKubo(b).hosts[0].rpc}}
		compareFiles(b, kubo, ours, rounds)
	}
	b.ReportMetric(0, "ns/op") // says nothing here
}

// filesWork is one kind of request, which is made with a number of its own each time.
type filesWork struct {
	what  string
	count int
	do    func(s *filesSide, n int) error
}

func filesWorks() []filesWork {
	small, large := random(4<<10), random(10<<20)
	fresh := func(content []byte, n int) []byte { // content that was never written before
		out := bytes.Clone(content)
		copy(out, fmt.Sprintf("%08d-%s", n, time.Now()))
		return out
	}
	return []filesWork{
		{"mkdir", 300, func(s *filesSide, n int) error {
			return s.call("files/mkdir?parents=true&arg=/dirs/"+fmt.Sprint(n), nil, io.Discard)
		}},
		{"write of 4 KiB", 500, func(s *filesSide, n int) error {
			return s.call("files/write?create=true&parents=true&arg=/small/"+fmt.Sprint(n), fresh(small, n), io.Discard)
		}},
		{"write of 10 MiB", 20, func(s *filesSide, n int) error {
			return s.call("files/write?create=true&parents=true&arg=/large/"+fmt.Sprint(n), fresh(large, n), io.Discard)
		}},
		{"read of 4 KiB", 500, func(s *filesSide, n int) error {
			return s.call("files/read?arg=/small/"+fmt.Sprint(n), nil, io.Discard)
		}},
		{"read of 10 MiB", 20, func(s *filesSide, n int) error {
			return s.call("files/read?arg=/large/"+fmt.Sprint(n), nil, io.Discard)
		}},
		{"stat", 500, func(s *filesSide, n int) error {
			return s.call("files/stat?arg=/small/"+fmt.Sprint(n), nil, io.Discard)
		}},
		{"ls of 10,000 entries", 60, func(s *filesSide, _ int) error { return s.call("files/ls?arg=/many", nil, io.Discard) }},
		{"long ls of 10,000 entries", 20, func(s *filesSide, _ int) error { return s.call("files/ls?long=true&arg=/many", nil, io.Discard) }},
	}
}

func compareFiles(b *testing.B, kubo, ours *filesSide, rounds int) {
	for _, s := range []*filesSide{kubo, ours} {
		began := time.Now()
		if err := s.addMany(); err != nil {
			b.Fatalf("%s: make a directory of %d entries: %v", s.name, listed, err)
		}
		b.Logf("%s: a directory of %d entries after %.1f s", s.name, listed, time.Since(began).Seconds())
	}
	var out strings.Builder
	out.WriteString("| work | kubo p50 ms | underlay p50 ms | times | kubo p99 ms | underlay p99 ms | times |\n|---|---|---|---|---|---|---|\n")
	for _, w := range filesWorks() {
		start := time.Now()
		var took [2][]time.Duration
		sides := []*filesSide{kubo, ours}
		for turn := range 2 * rounds {
			i := (turn + turn/2) % 2 // kubo, ours, ours, kubo, ...
			took[i] = append(took[i], w.times(b, sides[i], turn/2)...)
		}
		b.Logf("%s: %.1f s", w.what, time.Since(start).Seconds())
		fmt.Fprintf(&out, "| %s |", w.what)
		for _, q := range []float64{0.5, 0.99} {
			a, o := quantile(slices.Sorted(slices.Values(took[0])), q), quantile(slices.Sorted(slices.Values(took[1])), q)
			fmt.Fprintf(&out, " %.2f | %.2f | %.2f |", a, o, o/a)
		}
		out.WriteString("\n")
	}
	fmt.Printf("\n### files commands, one client, %d rounds\n\n%s\n", rounds, out.String())
}

// times makes the requests of one round. What the other side has written is on the disk before: syncs are not to pay for it.
func (w filesWork) times(b *testing.B, s *filesSide, round int) (took []time.Duration) {
	b.Helper()
	syscall.Sync()
	for n := range w.count {
		began := time.Now()
		if err := w.do(s, round*w.count+n); err != nil {
			b.Fatalf("%s: %s: %v", s.name, w.what, err)
		}
		took = append(took, time.Since(began))
	}
	return took
}

// call makes a request through the next peer, with a file if there is one.
func (s *filesSide) call(command string, content []byte, to io.Writer) error {
	base := s.bases[s.turn%len(s.bases)]
	s.turn++
	if content == nil {
		return s.post(base+"/api/v0/"+command, "", nil, to)
	}
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("file", "file")
	if err == nil {
		_, err = part.Write(content)
	}
	if err = errors.Join(err, form.Close()); err != nil {
		return err
	}
	return s.post(base+"/api/v0/"+command, form.FormDataContentType(), &body, to)
}

func (s *filesSide) post(url, contentType string, body io.Reader, to io.Writer) error {
	resp, err := s.client.Post(url, contentType, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(resp.Body) // what there is of it
		return fmt.Errorf("%w %d: %s", errStatus, resp.StatusCode, text)
	}
	_, err = io.Copy(to, resp.Body)
	return err
}

// addMany makes the directory that is listed.
func (s *filesSide) addMany() error {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for n := range listed {
		part, err := form.CreateFormFile("file", fmt.Sprintf("many%%2Fentry-%05d", n))
		if err != nil {
			return err
		}
		fmt.Fprintf(part, "entry %d", n)
	}
	if err := form.Close(); err != nil {
		return err
	}
	return s.post(s.bases[0]+"/api/v0/add?pin=false&quieter=true&to-files=/many", form.FormDataContentType(), &body, io.Discard)
}
