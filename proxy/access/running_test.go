package access

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// serveEndless serves requests that have no end of their own, behind the guard of a peer.
func serveEndless(t *testing.T, r *rig) (url string, begun chan struct{}) {
	begun = make(chan struct{})
	server := httptest.NewServer(r.guard.Wrap(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		begun <- struct{}{}
		<-req.Context().Done()
	}), Private))
	t.Cleanup(server.Close)
	return server.URL, begun
}

// Requests that run end with their credential, on all peers, and look broken; those of others go on.
func TestRunningRequestsEndWithTheirCredential(t *testing.T) {
	rigs := newRigs(t, 2, withAdmin)
	url, begun := serveEndless(t, rigs[1])
	const alice = `{"name": "alice", "password": "correct horse", "scopes": ["pin"]}`
	rigs[0].want(http.StatusCreated, "POST", "/access/users", adminToken, alice)
	id, token := rigs[0].token(adminToken, `"read"`)
	_, other := rigs[0].token(adminToken, `"read"`)
	ended := make(map[string]chan error)
	for _, c := range []struct{ name, method, target, credential string }{
		{"token", "GET", "/pins", token}, {"user", "POST", "/pins/x", "alice:correct horse"}, {"other", "GET", "/pins", other},
	} {
		req := rigs[0].request(c.method, url+c.target, c.credential, "")
		req.RequestURI = ""
		resp, err := http.DefaultClient.Do(req.WithContext(t.Context()))
		if err != nil {
			t.Fatal(err)
		}
		<-begun
		done := make(chan error, 1)
		ended[c.name] = done
		go func() {
			defer resp.Body.Close()
			_, err := resp.Body.Read(make([]byte, 1))
			done <- err
		}()
	}
	broken := func(name string) {
		t.Helper()
		select {
		case err := <-ended[name]:
			if err == nil || err.Error() == "EOF" {
				t.Errorf("the request of the %s ends as if it were complete: %v", name, err)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("the request of the %s goes on", name)
		}
	}
	rigs[0].want(http.StatusNoContent, "DELETE", "/access/tokens/"+id, adminToken, "")
	broken("token")
	rigs[0].want(http.StatusOK, "PUT", "/access/users/alice", adminToken, `{"scopes": ["read"]}`)
	broken("user")
	select {
	case err := <-ended["other"]:
		t.Errorf("the request of another ends: %v", err)
	default:
	}
	running := func() int {
		n := &rigs[1].registry.running
		n.mu.Lock()
		defer n.mu.Unlock()
		return len(n.requests)
	}
	if n := running(); n != 1 {
		t.Errorf("%d requests are noted, 1 runs", n)
	}
}

// Whoever gives up the own credential is answered nevertheless.
func TestRevokingOneself(t *testing.T) {
	r := newRigs(t, 1, withAdmin)[0]
	id, token := r.token(adminToken, `"admin"`)
	r.want(http.StatusNoContent, "DELETE", "/access/tokens/"+id, token, "")
}

// Requests that have no end of their own end when their credential expires; those that are done some time may be.
func TestEndlessRequestsEndWhenTheirCredentialExpires(t *testing.T) {
	r := newRigs(t, 1, withAdmin)[0]
	url, begun := serveEndless(t, r)
	_, short := r.token(adminToken, `"pin"`, `"expire_in": "2s"`)
	_, long := r.token(adminToken, `"pin"`, `"expire_in": "1h"`)
	ended := make(map[string]chan error)
	for _, c := range []struct{ name, method, target, token string }{
		{"stream", "GET", "/events", short}, {"upload", "POST", "/pins/x", short}, {"stream of another", "GET", "/events", long},
	} {
		req := r.request(c.method, url+c.target, c.token, "")
		req.RequestURI = ""
		resp, err := http.DefaultClient.Do(req.WithContext(t.Context()))
		if err != nil {
			t.Fatal(err)
		}
		<-begun
		done := make(chan error, 1)
		ended[c.name] = done
		go func() {
			defer resp.Body.Close()
			_, err := resp.Body.Read(make([]byte, 1))
			done <- err
		}()
	}
	select {
	case err := <-ended["stream"]:
		if err == nil || err.Error() == "EOF" {
			t.Errorf("the stream ends as if it were complete: %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the stream goes on after its credential has expired")
	}
	for _, name := range []string{"upload", "stream of another"} {
		select {
		case err := <-ended[name]:
			t.Errorf("the %s ends: %v", name, err)
		default:
		}
	}
}
