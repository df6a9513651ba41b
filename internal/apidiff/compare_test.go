package apidiff

import (
	"testing"
)

// A difference anywhere in an answer is found, named and shown as little as it is; one that the table has is accepted,
// and one that it has in vain is told.
func TestComparison(t *testing.T) {
	const target, other = "one", "another"
	base := Answer{"status": "200", "body": `{"A":{"B":1},"C":[1,2]}`, "header X": "x"}
	with := func(field, value string) Answer {
		changed := Answer{"status": base["status"], "body": base["body"], "header X": base["header X"]}
		if changed[field] = value; value == "" {
			delete(changed, field)
		}
		return changed
	}
	for _, c := range []struct {
		name               string
		model, ours        Answer
		field, modelV, our string // of the one mismatch; no field: none
	}{
		{"equal", base, base, "", "", ""},
		{"status", base, with("status", "500"), "status", "200", "500"},
		{"header that is gone", base, with("header X", ""), "header X", "x", Absent},
		{"header that has come", with("header X", ""), base, "header X", Absent, "x"},
		{"trailer", base, with("trailer X-Stream-Error", "late"), "trailer X-Stream-Error", Absent, "late"},
		{"inside JSON", base, with("body", `{"A":{"B":2},"C":[1,2]}`), "body.A.B", "1", "2"},
		{"in a list", base, with("body", `{"A":{"B":1},"C":[1,3]}`), "body.C[1]", "2", "3"},
		{"a list that is longer", base, with("body", `{"A":{"B":1},"C":[1,2,3]}`), "body.C", "[1,2]", "[1,2,3]"},
		{"a key that is gone", base, with("body", `{"A":{"B":1}}`), "body.C", "[1,2]", Absent},
		{"spaces only", base, with("body", `{"A":{"B":1}, "C":[1,2]}`), "body", base["body"], `{"A":{"B":1}, "C":[1,2]}`},
		{"lines", with("body", "a\nb\nc"), with("body", "a\nx\nc"), "body", "b", "x"},
		{"order of lines", with("body", "a\nb"), with("body", "b\na"), "body", "a\nb", "b\na"},
	} {
		t.Run(c.name, func(t *testing.T) {
			found := Compare(target, "case", []string{"cmd"}, []Answer{c.model}, []Answer{c.ours})
			if c.field == "" {
				if len(found) != 0 {
					t.Errorf("found %v", found)
				}
				return
			}
			want := Mismatch{target, "case", "cmd", c.field, c.modelV, c.our}
			if len(found) != 1 || found[0] != want {
				t.Fatalf("found %+v, want %+v", found, want)
			}
			entry := Difference{Test: "c*", Step: "cmd", Field: c.field, On: []string{other, target}}
			if surprises, stale := Judge([]Difference{entry}, "case", found); len(surprises)+len(stale) != 0 {
				t.Errorf("not accepted: %v, %v", surprises, stale)
			}
			elsewhere := Difference{Test: "case", Step: "cmd", Field: c.field, On: []string{other}}
			if surprises, stale := Judge([]Difference{elsewhere}, "case", found); len(surprises) != 1 || len(stale) != 1 {
				t.Errorf("an entry for another target: %v, %v", surprises, stale)
			}
		})
	}
}
