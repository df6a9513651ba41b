package itest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// bulkAnswer is a line of the answer to POST /pins.
type bulkAnswer struct {
	Line   int
	Cid    string
	Status int
	Error  string
}

// bulk sends lines to POST /pins and returns the answers.
func (p *Peer) bulk(lines io.Reader) ([]bulkAnswer, error) {
	resp, err := p.http.Post(p.REST+"/pins", "application/x-ndjson", lines)
	if err != nil {
		return nil, err
	}
	body, err := readAnswer(resp)
	if err != nil {
		return nil, err
	}
	var answers []bulkAnswer
	for line := range strings.Lines(string(body)) {
		var a bulkAnswer
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			return nil, err
		}
		answers = append(answers, a)
	}
	return answers, nil
}

// Every line is carried out, or refused, by itself, and those about the same CID in their order.
func TestBulk(t *testing.T) {
	c := Start(t)
	one, two, again := inlineCID(t, "one"), inlineCID(t, "two"), inlineCID(t, "again and again")
	lines := []struct {
		text   string
		status int
	}{
		{`{"cid":"` + one + `","name":"first","metadata":{"k":"v"}}`, 200},
		{`{"op":"pin","cid":"` + two + `","mode":"direct","replication_factor_min":-1,"replication_factor_max":-1}`, 200},
		{``, 0},
		{`not JSON`, 400},
		{`{"cid":"nonsense"}`, 400},
		{`{"op":"pin"}`, 400},
		{`{"op":"drop","cid":"` + one + `"}`, 400},
		{`{"cid":"` + one + `","nmae":"a slip"}`, 400},
		{`{"cid":"` + one + `","mode":"shallow"}`, 400},
		{`{"cid":"` + one + `"} {"cid":"` + two + `"}`, 400},
		{`{"cid":"` + one + `","replication_factor_min":3,"replication_factor_max":2}`, 400},
		{`{"cid":"` + one + `","expire_at":"2001-01-01T00:00:00Z"}`, 400},
		{`{"cid":"` + one + `","mode":"direct"}`, 400}, // it is pinned recursively, by then
		{`{"op":"unpin","cid":"` + again + `"}`, 404},
		{`{"cid":"` + again + `","name":"a"}`, 200},
		{`{"cid":"` + again + `","name":"b"}`, 200},
		{`{"op":"unpin","cid":"` + again + `"}`, 200},
		{`{"op":"unpin","cid":"` + again + `"}`, 404},
		{`{"cid":"` + again + `","name":"c"}`, 200}, // without a line feed
	}
	var request []string
	for _, line := range lines {
		request = append(request, line.text)
	}
	answers, err := c.Peers[1].bulk(strings.NewReader(strings.Join(request, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	next := 0
	for i, line := range lines {
		if line.text == "" {
			continue
		}
		if next == len(answers) {
			t.Fatalf("no answer to %s", line.text)
		}
		if a := answers[next]; a.Line != i+1 || a.Status != line.status || (a.Error == "") != (a.Status == 200) {
			t.Errorf("%s: %+v, want status %d", line.text, a, line.status)
		}
		next++
	}
	for cid, name := range map[string]string{one: "first", two: "", again: "c"} {
		c.Acked(cid)
		if pin, err := c.Peers[2].Allocation(cid); err != nil || pin.Name != name {
			t.Errorf("%s: %+v, %v, want name %q", cid, pin, err, name)
		}
		Eventually(t, 30*time.Second, func() error { return c.Peers[0].PinnedEverywhere(cid, len(c.Peers)) })
	}
	if resp, err := c.Peers[0].http.Post(c.Peers[0].REST+"/pins", "", nil); err != nil || resp.StatusCode != http.StatusNoContent {
		t.Errorf("an empty request: %+v, %v", resp, err)
	}
}

// A client may wait for each answer before it goes on.
func TestBulkAnswersAtOnce(t *testing.T) {
	c := Start(t)
	body, lines := io.Pipe()
	answered := make(chan *http.Response, 1)
	failed := make(chan error, 1)
	go func() {
		resp, err := c.Peers[1].http.Post(c.Peers[1].REST+"/pins", "application/x-ndjson", body)
		if err != nil {
			failed <- err
			return
		}
		answered <- resp
	}()
	var answers *bufio.Scanner
	for i := range 3 {
		cid := inlineCID(t, fmt.Sprint("step ", i))
		if _, err := fmt.Fprintf(lines, "{\"cid\":%q}\n", cid); err != nil {
			t.Fatal(err)
		}
		if answers == nil {
			select {
			case resp := <-answered:
				defer resp.Body.Close()
				answers = bufio.NewScanner(resp.Body)
			case err := <-failed:
				t.Fatal(err)
			}
		}
		if !answers.Scan() || !strings.Contains(answers.Text(), cid) {
			t.Fatalf("answer %q, %v", answers.Text(), answers.Err())
		}
		c.Acked(cid)
	}
	if err := lines.Close(); err != nil {
		t.Fatal(err)
	}
	if answers.Scan() {
		t.Errorf("one answer more: %s", answers.Text())
	}
}

// A bulk request is as fast as the log. The figure is printed, not asserted.
func TestBulkIsFast(t *testing.T) {
	c := Start(t)
	const pins = 20000
	var request strings.Builder
	for i := range pins {
		fmt.Fprintf(&request, "{\"cid\":%q,\"name\":\"pin %d\"}\n", inlineCID(t, fmt.Sprint("bulk ", i)), i)
	}
	began := time.Now()
	answers, err := c.Peers[1].bulk(strings.NewReader(request.String()))
	if err != nil || len(answers) != pins {
		t.Fatalf("%d answers, %v", len(answers), err)
	}
	took := time.Since(began)
	for _, a := range answers {
		if a.Status != http.StatusOK {
			t.Fatalf("%+v", a)
		}
		c.Acked(a.Cid)
	}
	Eventually(t, time.Minute, func() error { return c.Peers[0].PinnedEverywhere(answers[pins-1].Cid, len(c.Peers)) })
	t.Logf("%d pins accepted through a follower or the leader in %s, %.0f/s; the last is held by all after %s",
		pins, took.Round(time.Millisecond), pins/took.Seconds(), time.Since(began).Round(time.Millisecond))
}
