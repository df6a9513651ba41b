package browser

import (
	"context"
	"fmt"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
)

// Choose chooses files of this machine, by their paths, in a file input, as its dialog does.
func (b *Tab) Choose(selector string, paths ...string) {
	b.T.Helper()
	b.Do(chromedp.SetUploadFiles(selector, paths))
}

// Drop drops files and folders of this machine, by their paths, on an element.
func (b *Tab) Drop(selector string, paths ...string) {
	b.T.Helper()
	at := Evaluate[[]float64](b, fmt.Sprintf(`(() => {
		const element = document.querySelector(%q)
		element.scrollIntoView({block: 'start'})
		const place = element.getBoundingClientRect()
		return [place.x + 20, place.y + 20]
	})()`, selector))
	const copies = 1
	data := &input.DragData{Items: []*input.DragDataItem{}, Files: paths, DragOperationsMask: copies}
	for _, kind := range []input.DispatchDragEventType{
		input.DispatchDragEventTypeDragEnter, input.DispatchDragEventTypeDragOver, input.DispatchDragEventTypeDrop,
	} {
		b.Do(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
			_, err := chromedp.Call(ctx, input.DispatchDragEvent, input.DispatchDragEventParams{Type: kind, X: at[0], Y: at[1], Data: data})
			return err
		}))
	}
}

// NoScripts lets no page run scripts until the test ends.
func (b *Tab) NoScripts() {
	b.T.Helper()
	set := func(off bool) {
		b.Do(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
			_, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: off})
			return err
		}))
	}
	set(true)
	b.T.Cleanup(func() { set(false) })
}

// Click clicks on an element.
func (b *Tab) Click(selector string) {
	b.T.Helper()
	b.Do(chromedp.Click(selector))
}

// Type types into an element.
func (b *Tab) Type(selector, text string) {
	b.T.Helper()
	b.Do(chromedp.SendKeys(selector, text))
}

// TabTo presses the tab key until an element has the focus, and says whether it ever gets it.
func (b *Tab) TabTo(selector string) {
	b.T.Helper()
	const most = 60
	for range most {
		if Evaluate[bool](b, fmt.Sprintf("document.activeElement.matches(%q)", selector)) {
			return
		}
		b.Key("\t")
	}
	b.T.Fatalf("the tab key never comes to %s", selector)
}
