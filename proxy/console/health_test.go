package console_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/underlay/underlay/internal/metrics/history"
	"github.com/underlay/underlay/internal/vitals"
	"github.com/underlay/underlay/proxy/member"
)

// connected are n peers that are all connected, called peer1 and so on.
func connected(n int) (all member.Answers[vitals.Links]) {
	for i := range n {
		a := member.Answer[vitals.Links]{ID: peer.ID(fmt.Sprint("id", i)), Name: fmt.Sprint("peer", i+1), Said: vitals.Links{Node: fmt.Sprint("node", i)}}
		for j := range n {
			if j != i {
				a.Said.Peers = append(a.Said.Peers, peer.ID(fmt.Sprint("id", j)).String())
				a.Said.Swarm = append(a.Said.Swarm, fmt.Sprint("node", j))
			}
		}
		all.All = append(all.All, a)
	}
	return all
}

// lines counts the links of a state on a page, without those of its key.
func lines(page, state string) int {
	return len(regexp.MustCompile(`<line class="link (?:peers|nodes|own) `+state+`"`).FindAllString(page, -1))
}

// Any number of peers is drawn, each inside the picture and in a place of its own.
func TestGraph(t *testing.T) {
	for _, n := range []int{1, 2, 3, 15} {
		page := get(newConsole(t, &fake{links: connected(n)}), "/ui/health").Body.String()
		places := make(map[string]bool)
		for _, m := range regexp.MustCompile(`<circle class="vertex (?:peer|node) good" cx="(\d+)" cy="(\d+)" r="\d+">`).FindAllStringSubmatch(page, -1) {
			places[m[1]+","+m[2]] = true
		}
		if len(places) != 2*n || lines(page, "good") != n*n || lines(page, "(?:warn|bad)") != 0 {
			t.Errorf("%d peers: %d places, %d links, %d faults", n, len(places), lines(page, "good"), lines(page, "(?:warn|bad)"))
		}
		if n > 1 && !strings.Contains(page, "All are connected with each other.") {
			t.Errorf("%d peers: the page does not say so", n)
		}
	}
}

// What is missing is drawn, and said in words.
func TestGraphWithFaults(t *testing.T) {
	f := &fake{links: connected(4)}
	all := f.links.All
	all[0].Said.Peers = all[0].Said.Peers[1:] // only peer2 sees that
	all[0].Said.Swarm = append(all[0].Said.Swarm, "stranger")
	all[3] = member.Answer[vitals.Links]{ID: all[3].ID, Name: "<b>peer4", Fault: errors.New("no route")}
	page := get(newConsole(t, f), "/ui/health").Body.String()
	// Of peer4 the others say that they are connected to it; of its node nobody knows.
	if good, warn, bad := lines(page, "good"), lines(page, "warn"), lines(page, "bad"); good != 8 || warn != 4 || bad != 4 {
		t.Errorf("%d are good, %d half, %d bad", good, warn, bad)
	}
	for _, want := range []string{
		"4 peers, each with its node. 7 connections of 12 missing, or seen by one side only: between peer1 and peer2; ",
		"2 of 3; not peer2", "2 of 3; not &lt;b&gt;peer4, and 1 outside", "does not answer", "&lt;b&gt;peer4 ✕",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q:\n%s", want, page)
		}
	}
	if strings.Contains(page, "<b>peer4") {
		t.Error("a name has become markup")
	}
}

func hourOf(at int64, values ...float64) history.Hour {
	h := history.Hour{Interval: 10, Lines: []history.Line{{Name: "commit", Unit: "s"}, {Name: "memory", Unit: "bytes"}}}
	for i, v := range values {
		commit := &v
		if v < 0 {
			commit = nil
		}
		memory := 3 * float64(1<<20)
		h.Samples = append(h.Samples, history.Moment{At: at + 10*int64(i), Values: []*float64{commit, &memory}})
	}
	return h
}

// The peers' samples are put side by side, whatever each has, and stand in words, too.
func TestHour(t *testing.T) {
	f := &fake{links: connected(3)}
	f.hours.All = []member.Answer[history.Hour]{
		{ID: "a", Name: "a", Said: hourOf(1003, .002, -1, .0045)}, {ID: "b", Name: "b", Said: hourOf(1018, .001)}, {ID: "c", Name: "c", Fault: errors.New("no route")},
	}
	c := newConsole(t, f)
	page := get(c, "/ui/health").Body.String()
	row := regexp.MustCompile(`(?s)id="title-commit">.*?</figure>`).FindString(page)
	for _, want := range []string{"<small>ms</small>", ">4.5<", ">2<", ">1<", "hue-0 dash-0", "hue-1 dash-1", `data-label="Most">–<`} {
		if !strings.Contains(row, want) {
			t.Errorf("the figure does not have %q: %s", want, row)
		}
	}
	for _, want := range []string{"Memory<small>MiB</small>", ">3<", "Of c there are no figures: no answer."} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	w := get(c, "/ui/health/hour")
	var hour struct {
		Times   []int64
		Figures []struct {
			Name  string
			Unit  string
			Scale float64
			Lines []struct {
				Label  string
				Values []*float64
			}
		}
	}
	if err := json.Unmarshal(w.Body.Bytes(), &hour); err != nil || w.Code != http.StatusOK {
		t.Fatalf("%d %v", w.Code, err)
	}
	commit := hour.Figures[0]
	if len(hour.Times) != 3 || hour.Times[0] != 1000 || commit.Name != "commit" || commit.Unit != "ms" || commit.Scale != .001 || len(commit.Lines) != 3 {
		t.Fatalf("%+v", hour)
	}
	if v := commit.Lines[0].Values; v[1] != nil || *v[0] != .002 || *v[2] != .0045 {
		t.Errorf("a has %v", v)
	}
	if v := commit.Lines[1].Values; v[0] != nil || *v[1] != .001 || v[2] != nil {
		t.Errorf("b has %v", v)
	}
	if zipped := get(c, "/ui/health/hour", "Accept-Encoding", "gzip"); zipped.Header().Get("Content-Encoding") != "gzip" {
		t.Error("the values are not compressed")
	}
}

// A peer alone, which has just started, has a page too.
func TestHealthOfNothing(t *testing.T) {
	c := newConsole(t, &fake{hours: member.Answers[history.Hour]{All: []member.Answer[history.Hour]{{ID: "a", Name: "a"}}}})
	if w := get(c, "/ui/health"); w.Code != http.StatusOK {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := get(c, "/ui/health/hour"); !strings.HasPrefix(w.Body.String(), `{"times":[],`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
