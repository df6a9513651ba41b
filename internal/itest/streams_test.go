package itest

import (
	"errors"
	"io"
	"net/http"
	"testing"
	"time"
)

// streamEnd is how long a stream may go on after its credential does not hold any more.
const streamEnd = 10 * time.Second

// openStream opens a stream that has no end of its own with a token, and returns what it ends with.
func (p *Peer) openStream(t *testing.T, url, token string) <-chan error {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("%s of %s: status %d", url, p.Name, resp.StatusCode)
	}
	ended := make(chan error, 1)
	go func() {
		defer resp.Body.Close()
		_, err := io.Copy(io.Discard, resp.Body)
		ended <- err
	}()
	return ended
}

// Streams that go on for ever end with their credential on all peers, be it revoked or expired, and do not look complete.
func TestStreamsEndWithTheirCredential(t *testing.T) {
	c := startWithAdmin(t)
	id, token, err := c.Peers[0].MakeToken("revoked", `"admin"`)
	if err != nil {
		t.Fatal(err)
	}
	_, lasting, err := c.Peers[0].MakeToken("lasting", `"read"`)
	if err != nil {
		t.Fatal(err)
	}
	const shortLife = 4 * time.Second
	_, short := c.Peers[0].makeLimited(t, `"expire_in": "`+shortLife.String()+`"`)
	revoked, expired := make(map[string]<-chan error), make(map[string]<-chan error)
	for _, p := range c.Peers {
		expired["events of "+p.Name] = p.openStream(t, p.REST+"/events", short)
		revoked["events of "+p.Name] = p.openStream(t, p.REST+"/events", token)
		revoked["events at the API of "+p.Name] = p.openStream(t, p.API+"/events", token)
	}
	goesOn := c.Peers[1].openStream(t, c.Peers[1].API+"/events", lasting)
	end := func(why string, streams map[string]<-chan error, limit time.Duration) {
		over := time.After(limit)
		for name, ended := range streams {
			select {
			case err := <-ended:
				if err == nil || errors.Is(err, io.EOF) {
					t.Errorf("%s: the %s end as if they were complete: %v", why, name, err)
				}
			case <-over:
				t.Fatalf("%s: the %s go on", why, name)
			}
		}
	}
	if _, err := c.Peers[0].Do(http.MethodDelete, "/access/tokens/"+id); err != nil {
		t.Fatal(err)
	}
	end("revoked", revoked, streamEnd)
	end("expired", expired, shortLife+streamEnd)
	select {
	case err := <-goesOn:
		t.Errorf("the stream of another credential ends: %v", err)
	default:
	}
}
