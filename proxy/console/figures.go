package console

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/underlay/underlay/internal/metrics/history"
	"github.com/underlay/underlay/proxy/member"
)

// figures are what of an hour is shown, by its names in a peer's history.
func figures() []figure {
	return []figure{
		{Name: "commit", Title: "Time to commit a change"},
		{Name: "operations", Title: "Changes of the pinset"},
		{Name: "unsettled", Title: "Pins left to fetch or to drop"},
		{Name: "rpc", Title: "Requests to the IPFS API"},
		{Name: "gateway", Title: "Requests to the gateway"},
		{Name: "gateway_errors", Title: "Errors of the gateway"},
		{Name: "disk_free", Title: "Free on the disk"},
		{Name: "memory", Title: "Memory"},
		{Name: "cpu", Title: "Processor"},
	}
}

// figure is one figure of all peers over the last hour.
type figure struct {
	Name  string  `json:"name"`
	Title string  `json:"title"`
	Unit  string  `json:"unit"`
	Scale float64 `json:"scale"` // how much one of the unit is
	Lines []line  `json:"lines"`
}

// line is one peer's part of it.
type line struct {
	Label            string     `json:"label"`
	Values           []*float64 `json:"values"`
	Now, Least, Most string     `json:"-"`
	Hue, Dash        int        `json:"-"` // how it is drawn
}

// styles is how many colours there are, and kinds of lines: neighbours differ in both.
const styles = 5

// hour is what the charts show.
type hour struct {
	Times   []int64  `json:"times"`
	Figures []figure `json:"figures"`
	Absent  []string `json:"-"` // who does not answer
}

// newHour puts the peers' samples side by side: those that are of the same interval count as simultaneous.
func newHour(answers member.Answers[history.Hour]) hour {
	const interval = int64(history.Interval / time.Second)
	h := hour{Times: []int64{}, Figures: figures()}
	first, last := int64(math.MaxInt64), int64(0)
	for _, a := range answers.All {
		if a.Fault != nil {
			h.Absent = append(h.Absent, a.Label())
		}
		for _, s := range a.Said.Samples {
			first, last = min(first, s.At/interval), max(last, s.At/interval)
		}
	}
	first = max(first, last-int64(3600/interval)) // a peer's clock may be wrong
	for slot := first; slot <= last; slot++ {
		h.Times = append(h.Times, slot*interval)
	}
	for i := range h.Figures {
		f := &h.Figures[i]
		for n, a := range answers.All {
			l := line{Label: a.Label(), Hue: n % styles, Dash: (n + n/styles) % styles, Values: make([]*float64, len(h.Times))}
			if column := column(a.Said, f); column >= 0 {
				for _, s := range a.Said.Samples {
					if slot := s.At/interval - first; slot >= 0 && column < len(s.Values) {
						l.Values[slot] = s.Values[column]
					}
				}
			}
			f.Lines = append(f.Lines, l)
		}
		f.say()
	}
	return h
}

// column finds a figure among those of a peer, which may be of another version, and notes its unit; -1: it has none.
func column(h history.Hour, f *figure) int {
	i := slices.IndexFunc(h.Lines, func(l history.Line) bool { return l.Name == f.Name })
	if i >= 0 {
		f.Unit = h.Lines[i].Unit
	}
	return i
}

// say puts the values into words, in a unit that fits the largest.
func (f *figure) say() {
	var most float64
	for _, l := range f.Lines {
		for _, v := range l.Values {
			if v != nil {
				most = max(most, *v)
			}
		}
	}
	f.Unit, f.Scale = fitting(f.Unit, most)
	for i := range f.Lines {
		f.Lines[i].say(f)
	}
}

func (l *line) say(f *figure) {
	l.Now, l.Least, l.Most = unknown, unknown, unknown
	var least, largest float64
	for _, v := range l.Values {
		if v == nil {
			continue
		}
		if l.Now == unknown {
			least, largest = *v, *v
		}
		least, largest = min(least, *v), max(largest, *v)
		l.Now, l.Least, l.Most = decimal(*v/f.Scale), decimal(least/f.Scale), decimal(largest/f.Scale)
	}
}

// decimal writes a number with as many digits as one looks at.
func decimal(v float64) string {
	digits := 2
	switch size := math.Abs(v); {
	case size >= 100:
		digits = 0
	case size >= 10:
		digits = 1
	}
	text := strconv.FormatFloat(v, 'f', digits, 64)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text
}

// fitting returns the unit in which a value is easily read, and how much one of it is.
func fitting(unit string, value float64) (name string, scale float64) {
	type step struct {
		name  string
		scale float64
	}
	var steps []step
	switch unit {
	case "s":
		steps = []step{{"s", 1}, {"ms", 1e-3}, {"µs", 1e-6}}
	case "bytes":
		steps = []step{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}
	default:
		return unit, 1
	}
	for _, s := range steps {
		if value >= s.scale {
			return s.name, s.scale
		}
	}
	smallest := steps[len(steps)-1]
	return smallest.name, smallest.scale
}
