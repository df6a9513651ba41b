package rest

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
)

func TestReadBulkMakesBatches(t *testing.T) {
	line := func(extra int) string {
		return `{"cid":"` + cid1 + `","name":"` + strings.Repeat("x", extra) + `"}`
	}
	for _, r := range []struct {
		name string
		body io.Reader
		want []int // results in each batch
	}{
		{"nothing", strings.NewReader(""), nil},
		{"only empty lines", strings.NewReader("\n \r\n\n"), nil},
		{"no line feed at the end", strings.NewReader(line(0) + "\n" + line(0)), []int{1, 1}},
		{"many", strings.NewReader(strings.Repeat(line(0)+"\n", bulkLines+1)), []int{bulkLines, 1}},
		{"large", strings.NewReader(strings.Repeat(line(bulkBytes/2)+"\n", 3)), []int{1, 1, 1}},
		{"a pause", io.MultiReader(strings.NewReader(line(0)+"\n"+line(0)+"\n"), strings.NewReader(line(0)+"\n")), []int{2, 1}},
		{"a pause within a line", io.MultiReader(strings.NewReader(line(0)+"\n{"), strings.NewReader("}\n")), []int{1, 1}},
		{"too long", strings.NewReader(line(0) + "\n" + line(bulkLine) + "\n" + line(0)), []int{1, 1}},
	} {
		t.Run(r.name, func(t *testing.T) {
			var got []int
			readBulk(r.body, func(b *bulkBatch) bool {
				got = append(got, len(b.results))
				return true
			})
			if !slices.Equal(got, r.want) {
				t.Errorf("got batches of %v, want %v", got, r.want)
			}
		})
	}
}

func TestReadBulkNamesLines(t *testing.T) {
	var got []string
	readBulk(strings.NewReader("\n{}\n\nnonsense\n"+strings.Repeat("x", bulkLine+1)), func(b *bulkBatch) bool {
		for _, r := range b.results {
			got = append(got, fmt.Sprint(r.Line, " ", r.Status))
		}
		return true
	})
	if want := []string{"2 400", "4 400", "5 400"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
