package runfile

import (
	"encoding/json"
	"testing"
)

// A file is taken only with an API, and says the same when it is written again.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"name":"one","data_dir":"/1","api":"http://127.0.0.1:1","pid":1,"cluster":"c"}`))
	f.Add([]byte(`{"api":1}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, ok := parse(raw)
		if !ok {
			return
		}
		again, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		if twice, ok := parse(again); !ok || twice != p || p.API == "" {
			t.Errorf("%+v became %+v, %v", p, twice, ok)
		}
	})
}
