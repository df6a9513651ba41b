package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/term"
)

const (
	barWidth  = 24
	barPeriod = 100 * time.Millisecond // between two drawings
	clearLine = "\r\x1b[K"
)

// progress draws one line that changes, for a person at a terminal; for all others it draws nothing. It may be used
// concurrently.
type progress struct {
	w  io.Writer
	on bool

	mu    sync.Mutex
	shown bool
	drawn time.Time
}

func newProgress(w io.Writer, on bool) *progress { return &progress{w: w, on: on} }

// show draws how far something has come; a total of 0 is unknown. text tells the same in words.
func (p *progress) show(what string, done, total uint64, text string) {
	if !p.on {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown && time.Since(p.drawn) < barPeriod && (total == 0 || done < total) {
		return
	}
	line := what + "  "
	if total > 0 {
		line += bar(done, total) + "  "
	}
	fmt.Fprint(p.w, clearLine+cut(line+text, p.width()))
	p.shown, p.drawn = true, time.Now()
}

// hide takes the line away, so that something else can be printed.
func (p *progress) hide() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown {
		fmt.Fprint(p.w, clearLine)
		p.shown = false
	}
}

// width of the terminal; the usual one if that is unknown.
func (p *progress) width() int {
	if file, ok := p.w.(*os.File); ok {
		if width, _, err := term.GetSize(int(file.Fd())); err == nil && width > 0 {
			return width
		}
	}
	return 80
}

func bar(done, total uint64) string {
	done = min(done, total)
	full := int(done * barWidth / total)
	return fmt.Sprintf("[%s%s] %3d%%", strings.Repeat("=", full), strings.Repeat(" ", barWidth-full), done*100/total)
}

// cut shortens a line so that the terminal does not wrap it.
func cut(line string, width int) string {
	if utf8.RuneCountInString(line) < width {
		return line
	}
	return string([]rune(line)[:max(0, width-1)])
}
