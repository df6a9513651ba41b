package cli

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// A table is aligned by its first rows, and printed as it comes behind them.
func TestTable(t *testing.T) {
	var out bytes.Buffer
	table := newTable(&out, []string{"A", "LONG HEAD", "C"})
	if err := errors.Join(table.row("äöü", "b", "c"), table.row("1", "2", "\x1b[31mred\n"), table.end()); err != nil {
		t.Fatal(err)
	}
	want := "A    LONG HEAD  C\näöü  b          c\n1    2          \\x1b[31mred\\n\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}

	out.Reset()
	table = newTable(&out, []string{"N"})
	for n := range 10 * tableSample {
		if err := table.row(fmt.Sprint(n)); err != nil {
			t.Fatal(err)
		}
		if n > tableSample && !strings.HasSuffix(out.String(), fmt.Sprintf("\n%d\n", n)) {
			t.Fatalf("row %d is held back", n)
		}
	}
}

// What cannot be printed is no success.
func TestFullOutput(t *testing.T) {
	full := errors.New("no space left")
	k := &sink{w: failing{full}}
	s := &session{out: k, bar: newProgress(failing{full}, false)}
	s.printf("lost")
	if !errors.Is(k.err, full) {
		t.Errorf("got %v", k.err)
	}
	if err := s.object(1); !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

// The line is drawn over, at most so often, never wider than a terminal, and taken away at the end; where nobody watches
// there is none.
func TestProgress(t *testing.T) {
	var out bytes.Buffer
	p := newProgress(&out, true)
	for n := range uint64(1000) {
		p.show("adding", n, 1000, strings.Repeat("wide", 50))
	}
	p.show("adding", 1000, 1000, "done")
	p.hide()
	lines := strings.Split(out.String(), clearLine)
	if len(lines) > 100 || lines[len(lines)-1] != "" || !strings.Contains(lines[len(lines)-2], "[========================] 100%  done") {
		t.Errorf("drawn %d times, at last %q", len(lines), lines[len(lines)-2:])
	}
	for _, line := range lines {
		if len(line) >= 80 {
			t.Errorf("%q is wider than a terminal", line)
		}
	}
	out.Reset()
	off := newProgress(&out, false)
	off.show("adding", 1, 2, "")
	off.hide()
	if out.Len() > 0 {
		t.Errorf("nobody watches, and sees %q", out.String())
	}
}
