package itest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/textproto"
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
	"github.com/chromedp/chromedp"
)

// browserPatience is how long a browser may take for one step.
const browserPatience = time.Minute

// browser is a tab of a real browser, which notes what it has asked for and what it was told.
type browser struct {
	t   *testing.T
	ctx context.Context
	*heard
}

// heard is what a tab has noted.
type heard struct {
	mu        sync.Mutex
	asked     []string            // URLs
	responses []*network.Response // in their order
	blocked   []string            // what a content security policy has kept it from
}

// openBrowser starts a browser until the test ends. Without one on the machine the test is skipped, but not in CI.
func openBrowser(t *testing.T) *browser {
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
		chromedp.Flag("autoplay-policy", "no-user-gesture-required"), chromedp.WSURLReadTimeout(browserPatience))
	b := &browser{t: t, heard: new(heard)}
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
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		h.asked = append(h.asked, e.Request.URL)
	case *network.EventResponseReceived:
		h.responses = append(h.responses, e.Response)
	case *log.EventEntryAdded:
		if strings.Contains(e.Entry.Text, "Content Security Policy") {
			h.blocked = append(h.blocked, e.Entry.Text)
		}
	}
}

// in is the same tab for a subtest.
func (b *browser) in(t *testing.T) *browser { return &browser{t: t, ctx: b.ctx, heard: b.heard} }

// do runs steps, all of which must succeed.
func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, browserPatience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// evaluate returns the value of an expression in the page, of a promise what it becomes.
func evaluate[T any](b *browser, expression string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, browserPatience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return value
}

// open goes to a URL in a window of some width, with a dark or a light screen, and forgets what it heard before.
func (b *browser) open(url string, width int64, scheme string) {
	b.t.Helper()
	b.mu.Lock()
	b.asked, b.responses, b.blocked = nil, nil, nil
	b.mu.Unlock()
	b.do(chromedp.EmulateViewport(width, 800), chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
		return err
	}), chromedp.Navigate(url))
}

// onlyAsked checks that nothing was asked of other hosts than that of the URL and those below it.
func (b *browser) onlyAsked(base string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	own, err := url.Parse(base)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, asked := range b.asked {
		u, err := url.Parse(asked)
		if err == nil && u.Scheme != "data" && u.Host != own.Host && !strings.HasSuffix(u.Host, "."+own.Host) {
			b.t.Errorf("the page asks %s", asked)
		}
	}
	if !slices.ContainsFunc(b.asked, func(asked string) bool { return strings.Contains(asked, own.Host) }) {
		b.t.Error("nothing was heard of the page's own request")
	}
	if len(b.blocked) > 0 {
		b.t.Errorf("kept from: %q", b.blocked)
	}
}

// shoot takes a screenshot, and keeps it if the test fails or UNDERLAY_SCREENSHOTS names a directory.
func (b *browser) shoot(name string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, browserPatience)
	defer cancel()
	picture, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		b.t.Fatalf("take a screenshot: %v", err)
	}
	b.t.Cleanup(func() {
		dir := os.Getenv("UNDERLAY_SCREENSHOTS")
		if dir == "" && b.t.Failed() {
			dir = filepath.Join(os.TempDir(), "underlay-screenshots")
		}
		if dir == "" {
			return
		}
		path := filepath.Join(dir, name+".png")
		if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(path, picture, 0o644)); err != nil {
			b.t.Error(err)
			return
		}
		b.t.Logf("screenshot: %s", path)
	})
}

// AddTree adds a directory with the files at the given paths through the RPC API, and returns its CID. Its pin is
// acknowledged.
func (p *Peer) AddTree(tree map[string][]byte) (string, error) {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for name, content := range tree {
		part, err := form.CreatePart(textproto.MIMEHeader{
			"Content-Disposition": {fmt.Sprintf("form-data; name=file; filename=%q", url.PathEscape(name))},
			"Content-Type":        {"application/octet-stream"},
		})
		if err == nil {
			_, err = part.Write(content)
		}
		if err != nil {
			return "", err
		}
	}
	if err := form.Close(); err != nil {
		return "", err
	}
	resp, err := p.http.Post(p.API+"/api/v0/add?cid-version=1&wrap-with-directory=true&quieter=true", form.FormDataContentType(), &body)
	if err != nil {
		return "", err
	}
	answer, err := readAnswer(resp)
	if err != nil {
		return "", fmt.Errorf("add a tree through %s: %w", p.Name, err)
	}
	_, rest, _ := strings.Cut(string(answer), `"Name":"","Hash":"`)
	cid, _, ok := strings.Cut(rest, `"`)
	if !ok {
		return "", fmt.Errorf("add a tree through %s: %s", p.Name, answer)
	}
	return cid, nil
}

// statusOf is the status of the last response for a URL that ends so.
func (b *browser) statusOf(suffix string) int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range slices.Backward(b.responses) {
		if strings.HasSuffix(r.URL, suffix) {
			return r.Status
		}
	}
	return 0
}

// parts are the ranges in which a URL that ends so was fetched.
func (b *browser) parts(suffix string) (ranges []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range b.responses {
		if strings.HasSuffix(r.URL, suffix) && r.Status == http.StatusPartialContent {
			ranges = append(ranges, fmt.Sprint(r.Headers["Content-Range"]))
		}
	}
	return ranges
}

// press presses a key that opens a page, and waits for the page.
func (b *browser) press(key string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, browserPatience)
	defer cancel()
	if _, err := chromedp.RunResponse(ctx, chromedp.KeyEvent(key)); err != nil {
		b.t.Fatal(err)
	}
}
