package rpcdiff

import (
	"testing"
)

// A difference anywhere in an answer is found, named and shown as little as it is; one that the table has is accepted,
// and one that it has in vain is told.
func TestComparison(t *testing.T) {
	one := testCase{"case", []step{rpc("cmd")}}
	ours := &target{name: onePeer, front: newTurns("")}
	base := answer{"status": "200", "body": `{"A":{"B":1},"C":[1,2]}`, "header X": "x"}
	with := func(field, value string) answer {
		changed := answer{"status": base["status"], "body": base["body"], "header X": base["header X"]}
		if changed[field] = value; value == "" {
			delete(changed, field)
		}
		return changed
	}
	for _, c := range []struct {
		name              string
		kubo, ours        answer
		field, kuboV, our string // of the one mismatch; no field: none
	}{
		{"equal", base, base, "", "", ""},
		{"status", base, with("status", "500"), "status", "200", "500"},
		{"header that is gone", base, with("header X", ""), "header X", "x", absent},
		{"header that has come", with("header X", ""), base, "header X", absent, "x"},
		{"trailer", base, with("trailer X-Stream-Error", "late"), "trailer X-Stream-Error", absent, "late"},
		{"inside JSON", base, with("body", `{"A":{"B":2},"C":[1,2]}`), "body.A.B", "1", "2"},
		{"in a list", base, with("body", `{"A":{"B":1},"C":[1,3]}`), "body.C[1]", "2", "3"},
		{"a list that is longer", base, with("body", `{"A":{"B":1},"C":[1,2,3]}`), "body.C", "[1,2]", "[1,2,3]"},
		{"a key that is gone", base, with("body", `{"A":{"B":1}}`), "body.C", "[1,2]", absent},
		{"spaces only", base, with("body", `{"A":{"B":1}, "C":[1,2]}`), "body", base["body"], `{"A":{"B":1}, "C":[1,2]}`},
		{"lines", with("body", "a\nb\nc"), with("body", "a\nx\nc"), "body", "b", "x"},
		{"order of lines", with("body", "a\nb"), with("body", "b\na"), "body", "a\nb", "b\na"},
	} {
		t.Run(c.name, func(t *testing.T) {
			found := compare(ours, one, []answer{c.kubo}, []answer{c.ours})
			if c.field == "" {
				if len(found) != 0 {
					t.Errorf("found %v", found)
				}
				return
			}
			want := mismatch{onePeer, "case", "cmd", c.field, c.kuboV, c.our}
			if len(found) != 1 || found[0] != want {
				t.Fatalf("found %+v, want %+v", found, want)
			}
			entry := difference{test: "c*", step: "cmd", field: c.field, on: everywhere()}
			if surprises, stale := judge([]difference{entry}, one, found); len(surprises)+len(stale) != 0 {
				t.Errorf("not accepted: %v, %v", surprises, stale)
			}
			elsewhere := difference{test: "case", step: "cmd", field: c.field, on: []string{threePeers}}
			if surprises, stale := judge([]difference{elsewhere}, one, found); len(surprises) != 1 || len(stale) != 1 {
				t.Errorf("an entry for another target: %v, %v", surprises, stale)
			}
		})
	}
}
