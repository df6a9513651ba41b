// Package browser lets tests look at pages in a real browser, which notes what it asks for and what it is told.
//
// Start reading at [Open].
package browser

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// patience is how long a browser may take for one step.
const patience = time.Minute

// Tab is a tab of a real browser, which notes what it has asked for and what it was told.
type Tab struct {
	T   testing.TB
	ctx context.Context
	*heard
}

// heard is what a tab has noted.
type heard struct {
	mu        sync.Mutex
	asked     []string            // URLs
	responses []*network.Response // in their order
	blocked   []string            // what a content security policy has kept it from
	faults    []string            // errors of scripts
	bytes     float64             // that came over the network, as it carried them
	more      func(event any)     // nil, or hears of everything
}

// Open starts a browser until the test ends. Without one on the machine the test is skipped, but not in CI.
func Open(t testing.TB) *Tab {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip("needs a browser (Debian: apt-get install chromium)")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()),
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("autoplay-policy", "no-user-gesture-required"), chromedp.WSURLReadTimeout(patience))
	b := &Tab{T: t, heard: new(heard)}
	allocator, stop := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(stop)
	ctx, cancel := chromedp.NewContext(allocator, chromedp.WithListener(b.hear))
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil && !errors.Is(err, context.Canceled) {
			t.Logf("end the browser: %v", err)
		}
		cancel()
	})
	b.ctx = ctx
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	return b
}

func (h *heard) hear(event any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.more != nil {
		h.more(event)
	}
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		h.asked = append(h.asked, e.Request.URL)
	case *network.EventResponseReceived:
		h.responses = append(h.responses, e.Response)
	case *network.EventLoadingFinished:
		h.bytes += e.EncodedDataLength
	case *runtime.EventExceptionThrown:
		h.faults = append(h.faults, e.ExceptionDetails.Text)
	case *log.EventEntryAdded:
		if strings.Contains(e.Entry.Text, "Content Security Policy") {
			h.blocked = append(h.blocked, e.Entry.Text)
		}
	}
}

// In is the same tab for a subtest.
func (b *Tab) In(t testing.TB) *Tab { return &Tab{T: t, ctx: b.ctx, heard: b.heard} }

// Do runs steps, all of which must succeed.
func (b *Tab) Do(steps ...chromedp.Action[chromedp.Void]) {
	b.T.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.T.Fatal(err)
	}
}

// Evaluate returns the value of an expression in the page, of a promise what it becomes.
func Evaluate[T any](b *Tab, expression string) T {
	b.T.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.T.Fatalf("%s: %v", expression, err)
	}
	return value
}

// Goto goes to a URL in a window of some width, with a dark or a light screen, and forgets what it heard before.
func (b *Tab) Goto(url string, width int64, scheme string) {
	b.T.Helper()
	b.mu.Lock()
	b.asked, b.responses, b.blocked, b.faults, b.bytes = nil, nil, nil, nil, 0
	b.mu.Unlock()
	b.Do(chromedp.EmulateViewport(width, 800), chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
		return err
	}), chromedp.Navigate(url))
}

// Weight is how many bytes have come over the network since the tab went to its page.
func (b *Tab) Weight() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return int(b.bytes)
}

// NoFaults checks that no script of the page has failed.
func (b *Tab) NoFaults() {
	b.T.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.faults) > 0 {
		b.T.Errorf("scripts have failed: %q", b.faults)
	}
}

// OnlyAsked checks that nothing was asked of other hosts than that of the URL and those below it.
func (b *Tab) OnlyAsked(base string) {
	b.T.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	own, err := url.Parse(base)
	if err != nil {
		b.T.Fatal(err)
	}
	for _, asked := range b.asked {
		u, err := url.Parse(asked)
		if err == nil && u.Scheme != "data" && u.Host != own.Host && !strings.HasSuffix(u.Host, "."+own.Host) {
			b.T.Errorf("the page asks %s", asked)
		}
	}
	if !slices.ContainsFunc(b.asked, func(asked string) bool { return strings.Contains(asked, own.Host) }) {
		b.T.Error("nothing was heard of the page's own request")
	}
	if len(b.blocked) > 0 {
		b.T.Errorf("kept from: %q", b.blocked)
	}
}

// Shoot takes a screenshot, and keeps it if the test fails or UNDERLAY_SCREENSHOTS names a directory.
func (b *Tab) Shoot(name string) {
	b.T.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	picture, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		b.T.Fatalf("take a screenshot: %v", err)
	}
	b.T.Cleanup(func() {
		dir := os.Getenv("UNDERLAY_SCREENSHOTS")
		if dir == "" && b.T.Failed() {
			dir = filepath.Join(os.TempDir(), "underlay-screenshots")
		}
		if dir == "" {
			return
		}
		path := filepath.Join(dir, name+".png")
		if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(path, picture, 0o644)); err != nil {
			b.T.Error(err)
			return
		}
		b.T.Logf("screenshot: %s", path)
	})
}

// StatusOf is the status of the last response for a URL that ends so.
func (b *Tab) StatusOf(suffix string) int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range slices.Backward(b.responses) {
		if strings.HasSuffix(r.URL, suffix) {
			return r.Status
		}
	}
	return 0
}

// Parts are the ranges in which a URL that ends so was fetched.
func (b *Tab) Parts(suffix string) (ranges []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range b.responses {
		if strings.HasSuffix(r.URL, suffix) && r.Status == http.StatusPartialContent {
			ranges = append(ranges, fmt.Sprint(r.Headers["Content-Range"]))
		}
	}
	return ranges
}

// Key presses a key.
func (b *Tab) Key(key string) {
	b.T.Helper()
	b.Do(chromedp.KeyEvent(key))
}

// Press presses a key that opens a page, and waits for the page.
func (b *Tab) Press(key string) {
	b.T.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if _, err := chromedp.RunResponse(ctx, chromedp.KeyEvent(key)); err != nil {
		b.T.Fatal(err)
	}
}
