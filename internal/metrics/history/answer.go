package history

import (
	"encoding/json"
	"math"
	"net/http"
)

// Hour is all that is remembered, in the form of JSON.
type Hour struct {
	Interval float64  `json:"interval"` // seconds
	Lines    []Line   `json:"lines"`
	Samples  []Moment `json:"samples"` // the oldest first
}

// Moment is a sample; a value that there is not is null.
type Moment struct {
	At     int64      `json:"at"` // seconds since 1970
	Values []*float64 `json:"values"`
}

// Hour returns all that is remembered.
func (h *History) Hour() Hour {
	a := Hour{Interval: Interval.Seconds(), Lines: h.lines, Samples: []Moment{}}
	for _, s := range h.Samples() {
		told := Moment{At: s.At.Unix(), Values: make([]*float64, len(s.Values))}
		for i, v := range s.Values {
			if !math.IsNaN(v) && !math.IsInf(v, 0) {
				told.Values[i] = &v
			}
		}
		a.Samples = append(a.Samples, told)
	}
	return a
}

// ServeHTTP answers with all that is remembered, in JSON.
func (h *History) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(h.Hour()) // the client is gone if this fails
}
