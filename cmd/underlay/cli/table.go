package cli

import (
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// tableSample is how many rows decide the widths of the columns. Rows behind them are printed as they come, so that a
// table may be of any length.
const tableSample = 200

// table prints rows in aligned columns. Rows that are wider than those before push their neighbours aside.
type table struct {
	w      io.Writer
	rows   [][]string // that wait for the widths
	widths []int      // nil until they are known
	err    error
}

func newTable(w io.Writer, heads []string) *table {
	t := &table{w: w}
	t.rows = append(t.rows, heads)
	return t
}

// row adds a row; control characters of its cells are shown and not sent to the terminal.
func (t *table) row(cells ...string) error {
	for i := range cells {
		cells[i] = printable(cells[i])
	}
	if t.widths != nil {
		t.print(cells)
		return t.err
	}
	t.rows = append(t.rows, append([]string(nil), cells...))
	if len(t.rows) > tableSample {
		t.flush()
	}
	return t.err
}

// end prints what waits.
func (t *table) end() error {
	if t.widths == nil {
		t.flush()
	}
	return t.err
}

func (t *table) flush() {
	t.widths = make([]int, len(t.rows[0]))
	for _, row := range t.rows {
		for i, cell := range row {
			t.widths[i] = max(t.widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range t.rows {
		t.print(row)
	}
	t.rows = nil
}

func (t *table) print(row []string) {
	var line strings.Builder
	for i, cell := range row {
		line.WriteString(cell)
		if i < len(row)-1 {
			line.WriteString(strings.Repeat(" ", max(0, t.widths[i]-utf8.RuneCountInString(cell))+2))
		}
	}
	if t.err == nil {
		_, t.err = io.WriteString(t.w, strings.TrimRight(line.String(), " ")+"\n")
	}
}

// printable returns a text that others have written in a form that does nothing to a terminal.
func printable(text string) string {
	if strings.IndexFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) < 0 {
		return text
	}
	quoted := strconv.Quote(text)
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}
