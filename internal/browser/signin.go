package browser

import (
	"context"
	"sync"

	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/chromedp"
)

// SignIn answers the browser's question for a user and a password until the test ends, as a person does who gives up when the
// same page asks again.
func (b *Tab) SignIn(user, password string) {
	b.T.Helper()
	var running sync.WaitGroup
	asked := make(map[string]bool)
	b.setMore(func(event any) {
		switch e := event.(type) {
		case *fetch.EventRequestPaused:
			running.Go(func() {
				_, _ = chromedp.Call(b.ctx, fetch.ContinueRequest, fetch.ContinueRequestParams{RequestID: e.RequestID}) // the page may have gone
			})
		case *fetch.EventAuthRequired:
			answer := &fetch.AuthChallengeResponse{Response: fetch.AuthChallengeResponseResponseCancelAuth}
			if !asked[e.Request.URL] {
				asked[e.Request.URL] = true
				answer = &fetch.AuthChallengeResponse{
					Response: fetch.AuthChallengeResponseResponseProvideCredentials, Username: user, Password: password,
				}
			}
			running.Go(func() {
				_, _ = chromedp.Call(b.ctx, fetch.ContinueWithAuth,
					fetch.ContinueWithAuthParams{RequestID: e.RequestID, AuthChallengeResponse: answer}) // the page may have gone
			})
		}
	})
	yes := true
	b.Do(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, fetch.Enable, fetch.EnableParams{HandleAuthRequests: &yes})
		return err
	}))
	b.T.Cleanup(func() {
		b.setMore(nil)
		running.Wait()
	})
}

// setMore lets f hear of all events, too. It is called by one goroutine, and must not wait for the browser.
func (h *heard) setMore(f func(event any)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.more = f
}
