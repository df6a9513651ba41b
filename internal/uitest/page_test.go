package uitest

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/underlay/underlay/internal/browser"
	"github.com/underlay/underlay/internal/testkit"
)

// heaviest is how many bytes the first page may cost that somebody opens, all files included.
const heaviest = 150_000

// axe returns the script that finds what keeps people with disabilities from using a page.
func axe(t testing.TB) string {
	t.Helper()
	packages := testkit.NPMInstall(t, filepath.Join("testdata", "axe"), "package.json")
	script, err := os.ReadFile(filepath.Join(packages, "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	return string(script)
}

// shot is a page of the console in all forms that people see it.
type shot struct {
	name, url, want string
	axe             string
}

// check looks at the page in two widths, dark and light: it says what it should, fits the window, can be read and used by
// everybody, and asks no other host.
func (s shot) check(t *testing.T, b *browser.Tab) {
	for _, width := range []int64{400, 1280} {
		for _, scheme := range []string{"light", "dark"} {
			name := fmt.Sprintf("console-%s-%d-%s", s.name, width, scheme)
			t.Run(name, func(t *testing.T) {
				b := b.In(t)
				b.Goto(s.url, width, scheme)
				b.Shoot(name)
				if text := browser.Evaluate[string](b, "document.body.innerText"); !strings.Contains(text, s.want) {
					t.Errorf("the page says %q, want %q", text, s.want)
				}
				if needs := browser.Evaluate[int64](b, "document.documentElement.scrollWidth"); needs > width {
					t.Errorf("it is %d pixels wide", needs)
				}
				if contrast := b.LeastContrast(); contrast < 4.5 {
					t.Errorf("the contrast is %.1f, below 4.5", contrast)
				}
				paper := browser.Evaluate[string](b, "getComputedStyle(document.body).backgroundColor")
				if isWhite := paper == "rgb(255, 255, 255)"; isWhite != (scheme == "light") {
					t.Errorf("on a %s screen the paper is %s", scheme, paper)
				}
				b.OnlyAsked(s.url)
				b.NoFaults()
				s.checkAccessible(b)
			})
		}
	}
}

// checkAccessible fails on what axe calls serious or critical. It comes last: the script is not the page's own.
func (s shot) checkAccessible(b *browser.Tab) {
	b.T.Helper()
	browser.Evaluate[bool](b, s.axe+"; true")
	found := browser.Evaluate[string](b, "axe.run().then(r => JSON.stringify(r.violations.map(v => "+
		"({id: v.id, impact: v.impact, help: v.help, where: v.nodes.map(n => n.target.join(' '))}))))")
	var violations []struct {
		ID, Impact, Help string
		Where            []string
	}
	if err := json.Unmarshal([]byte(found), &violations); err != nil {
		b.T.Fatal(err)
	}
	for _, v := range violations {
		report := b.T.Logf
		if v.Impact == "serious" || v.Impact == "critical" {
			report = b.T.Errorf
		}
		report("%s (%s): %s at %q", v.ID, v.Impact, v.Help, v.Where)
	}
}
