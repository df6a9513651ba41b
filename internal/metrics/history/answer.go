package history

import (
	"encoding/json"
	"math"
	"net/http"
)

// answer is what clients get.
type answer struct {
	Interval float64        `json:"interval"` // seconds
	Lines    []Line         `json:"lines"`
	Samples  []answerSample `json:"samples"`
}

// answerSample is a sample; a value that there is not is null.
type answerSample struct {
	At     int64      `json:"at"` // seconds since 1970
	Values []*float64 `json:"values"`
}

// ServeHTTP answers with all that is remembered, in JSON.
func (h *History) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	a := answer{Interval: Interval.Seconds(), Lines: h.lines, Samples: []answerSample{}}
	for _, s := range h.Samples() {
		told := answerSample{At: s.At.Unix(), Values: make([]*float64, len(s.Values))}
		for i, v := range s.Values {
			if !math.IsNaN(v) && !math.IsInf(v, 0) {
				told.Values[i] = &v
			}
		}
		a.Samples = append(a.Samples, told)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(a) // the client is gone if this fails
}
