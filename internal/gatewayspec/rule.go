package gatewayspec

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// Group is the rules of one specification.
type Group struct {
	Name  string
	Rules []Rule
}

// Rule is one thing that a specification says.
type Rule struct {
	Says string
	ask  request
	want []expect
}

// request is what a rule sends. Its host stands in the Host header; the address comes from Run.
type request struct {
	method, host, path string
	header             http.Header
}

func get(path string) request  { return request{method: http.MethodGet, host: PathHost, path: path} }
func head(path string) request { return request{method: http.MethodHead, host: PathHost, path: path} }

// on is the same request to another host.
func (r request) on(host string) request {
	r.host = host
	return r
}

// with is the same request with these header lines too.
func (r request) with(lines ...string) request {
	r.header = r.header.Clone()
	if r.header == nil {
		r.header = make(http.Header)
	}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		r.header.Add(name, value)
	}
	return r
}

// answer is what came back, and the way to ask again.
type answer struct {
	*http.Response
	body  []byte
	again func(lines ...string) (*answer, error) // the same request with these header lines too
}

// expect says what is wrong with an answer.
type expect func(*answer) error

// Run sends the request of each rule to the server at the address, host:port, and checks the answers.
func Run(t *testing.T, address string, groups []Group) {
	t.Helper()
	run(t, &http.Transport{DisableCompression: true}, address, groups)
}

// RunHTTP2 does the same over HTTP/2 without TLS.
func RunHTTP2(t *testing.T, address string, groups []Group) {
	t.Helper()
	transport := &http.Transport{DisableCompression: true, Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	run(t, transport, address, groups)
}

func run(t *testing.T, transport *http.Transport, address string, groups []Group) {
	t.Helper()
	client := &http.Client{
		Timeout:       time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     transport,
	}
	defer client.CloseIdleConnections()
	for _, g := range groups {
		t.Run(g.Name, func(t *testing.T) {
			for _, rule := range g.Rules {
				t.Run(rule.Says, func(t *testing.T) {
					got, err := rule.ask.send(t.Context(), client, address)
					if err != nil {
						t.Fatal(err)
					}
					for _, e := range rule.want {
						if err := e(got); err != nil {
							t.Errorf("%s %s on %s: %v; answered %s with %v and %.300q",
								rule.ask.method, rule.ask.path, rule.ask.host, err, got.Status, got.Header, got.body)
						}
					}
				})
			}
		})
	}
}

func (r request) send(ctx context.Context, client *http.Client, address string) (*answer, error) {
	target, err := url.Parse("http://" + address + r.path)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, r.method, target.String(), nil)
	if err != nil {
		return nil, err
	}
	req.Host = r.host
	if r.header != nil {
		req.Header = r.header.Clone()
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("read the body: %w", err)
	}
	return &answer{Response: resp, body: body, again: func(lines ...string) (*answer, error) {
		return r.with(lines...).send(ctx, client, address)
	}}, nil
}

func status(want int) expect {
	return func(a *answer) error {
		if a.StatusCode != want {
			return fmt.Errorf("status %d, want %d", a.StatusCode, want)
		}
		return nil
	}
}

// header wants a header with exactly this value; empty: without that header.
func header(name, want string) expect {
	return func(a *answer) error {
		if got := strings.Join(a.Header.Values(name), ", "); got != want {
			return fmt.Errorf("%s is %q, want %q", name, got, want)
		}
		return nil
	}
}

// headerHas wants a header with this text in it.
func headerHas(name, want string) expect {
	return func(a *answer) error {
		if got := strings.Join(a.Header.Values(name), ", "); !strings.Contains(got, want) {
			return fmt.Errorf("%s is %q, want %q in it", name, got, want)
		}
		return nil
	}
}

// body wants exactly these bytes.
func body(want []byte) expect {
	return func(a *answer) error {
		if !bytes.Equal(a.body, want) {
			return fmt.Errorf("body of %d bytes, want %d: %.60q", len(a.body), len(want), want)
		}
		return nil
	}
}

func text(want string) expect { return body([]byte(want)) }

// contains wants this text in the body.
func contains(want string) expect {
	return func(a *answer) error {
		if !bytes.Contains(a.body, []byte(want)) {
			return fmt.Errorf("no %q in the body", want)
		}
		return nil
	}
}

func lacks(unwanted string) expect {
	return func(a *answer) error {
		if bytes.Contains(a.body, []byte(unwanted)) {
			return fmt.Errorf("%q in the body", unwanted)
		}
		return nil
	}
}

// notModifiedAgain asks again with the Etag of the answer and wants 304.
func notModifiedAgain(a *answer) error {
	etag := a.Header.Get("Etag")
	if !strings.HasSuffix(etag, `"`) {
		return fmt.Errorf("the Etag is %q", etag)
	}
	for _, condition := range []string{etag, `"other", W/` + strings.TrimPrefix(etag, "W/"), "*"} {
		again, err := a.again("If-None-Match: " + condition)
		if err != nil {
			return err
		}
		if again.StatusCode != http.StatusNotModified || len(again.body) > 0 {
			return fmt.Errorf("with If-None-Match: %s the status is %d", condition, again.StatusCode)
		}
	}
	again, err := a.again(`If-None-Match: "other"`)
	if err == nil && again.StatusCode != a.StatusCode {
		err = fmt.Errorf("with another Etag the status is %d", again.StatusCode)
	}
	return err
}

// forEver is the life of what cannot change.
var forEver = header("Cache-Control", "public, max-age=29030400, immutable")

// notForEver is that of what can.
func notForEver(a *answer) error {
	if got := a.Header.Get("Cache-Control"); strings.Contains(got, "immutable") {
		return fmt.Errorf("Cache-Control is %q", got)
	}
	return nil
}
