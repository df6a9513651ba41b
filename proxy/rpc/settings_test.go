package rpc

import (
	"bytes"
	"context"
	"fmt"
	"mime/multipart"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/underlay/underlay/consensus"
	"github.com/underlay/underlay/proxy/fault"
	"github.com/underlay/underlay/proxy/member"
	"github.com/underlay/underlay/proxy/proxytest"
)

// fakeSettings changes the repository of its own peer at once.
type fakeSettings struct {
	repo     string
	attempts int // how often a change is tried

	mu     sync.Mutex
	fault  error // of every call
	late   error // of a change, once it was tried
	synced int
}

func (s *fakeSettings) behave(change func(*fakeSettings)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

func (s *fakeSettings) Sync(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if consensus.IsStale(ctx) {
		return nil
	}
	s.synced++
	return s.fault
}

func (s *fakeSettings) Change(ctx context.Context, run func(string) bool) (changed bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fault != nil {
		return false, s.fault
	}
	for range s.attempts {
		changed = run(s.repo)
	}
	return changed, s.late
}

func (s *fakeSettings) syncs() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.synced
}

func TestReadsOfSettingsWaitForChanges(t *testing.T) {
	r := newRPCRig(t)
	for n, command := range []string{
		"config?arg=Pubsub.Router", "config/Pubsub.Router", "config/show", "config/profile/apply?arg=lowpower&dry-run=true",
		"bootstrap", "bootstrap/list", "pin/remote/service/ls", "pin/remote/ls?service=x", "pin/remote/rm?service=x", "pin/remote/add?service=x&arg=/ipfs/x",
	} {
		proxytest.Ask(t, http.MethodPost, r.URL+"/api/v0/"+command, nil)
		if got := r.settings.syncs(); got != n+1 {
			t.Fatalf("%s has not waited, or something before it has: %d", command, got)
		}
	}
	r.settings.behave(func(s *fakeSettings) { s.fault = consensus.ErrNoLeader })
	reply := r.post("config/show", nil)
	var failure proxytest.KuboError
	reply.Decode(t, &failure)
	if reply.StatusCode != http.StatusServiceUnavailable || reply.Header.Get("Retry-After") == "" || failure.Type != "error" {
		t.Errorf("without a leader: status %d, %+v, %v", reply.StatusCode, failure, reply.Header)
	}
	if reply := r.post("config/show", nil, "consistency", "stale"); reply.StatusCode != http.StatusOK {
		t.Errorf("a stale read: %d, %s", reply.StatusCode, reply.Text)
	}
}

// A change that others came before is made anew, from the same request.
func TestChangesOfSettingsAreRepeated(t *testing.T) {
	const peer1, peer2 = "/ip4/127.0.0.1/tcp/9/p2p/12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA", "/ip4/127.0.0.1/tcp/8/p2p/12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA"
	r := newRPCRig(t)
	r.settings.attempts = 3
	contentType, body := upload1(t, peer1+"\n"+peer2+"\n")
	reply := proxytest.Ask(t, http.MethodPost, r.Command("bootstrap/add", nil), body, "Content-Type", contentType)
	if want := fmt.Sprintf(`{"Peers":["%s","%s"]}`, peer1, peer2) + "\n"; reply.StatusCode != http.StatusOK || reply.Text != want {
		t.Errorf("status %d: %s", reply.StatusCode, reply.Text)
	}
	if got := r.post("bootstrap", nil); !strings.Contains(got.Text, peer2) {
		t.Errorf("the list is %s", got.Text)
	}
}

// upload1 is a body of one file.
func upload1(t *testing.T, content string) (contentType string, body *bytes.Buffer) {
	t.Helper()
	body = new(bytes.Buffer)
	form := multipart.NewWriter(body)
	part, err := form.CreateFormFile("file", "file")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(part, content)
	if err := form.Close(); err != nil {
		t.Fatal(err)
	}
	return form.FormDataContentType(), body
}

// What the cluster says of a change counts, not what kubo says of the scratch repository.
func TestRefusedChangesOfSettings(t *testing.T) {
	r := newRPCRig(t)
	for _, c := range []struct {
		name   string
		err    error
		status int
	}{
		{"not allowed", fault.With(http.StatusForbidden, fmt.Errorf("X is each peer's own")), http.StatusForbidden},
		{"no leader", consensus.ErrNoLeader, http.StatusServiceUnavailable},
		{"unknown", consensus.ErrUnknownOutcome, http.StatusGatewayTimeout},
		{"no space", consensus.ErrDiskFull, http.StatusInsufficientStorage},
	} {
		t.Run(c.name, func(t *testing.T) {
			r.settings.behave(func(s *fakeSettings) { s.late = c.err })
			reply := r.post("config", []string{"Pubsub.Router", "floodsub"})
			var failure proxytest.KuboError
			reply.Decode(t, &failure)
			if reply.StatusCode != c.status || failure.Message != c.err.Error() || failure.Type != "error" || !strings.HasPrefix(reply.Header.Get("Server"), "kubo/") {
				t.Errorf("status %d, %+v, %v", reply.StatusCode, failure, reply.Header)
			}
		})
	}
}

// The answer to a change waits for the other peers, though not long for one that is not there.
func TestChangesOfSettingsReachTheOthers(t *testing.T) {
	rigs := newRPCRigs(t, 3)
	rigs[0].self.Reach(rigs[2].self, "")
	if reply := rigs[0].post("config", []string{"Pubsub.Router", "floodsub"}); reply.StatusCode != http.StatusOK {
		t.Fatalf("status %d: %s", reply.StatusCode, reply.Text)
	}
	if rigs[1].settings.syncs() != 1 || rigs[2].settings.syncs() != 0 {
		t.Errorf("the others have waited %d and %d times", rigs[1].settings.syncs(), rigs[2].settings.syncs())
	}
	// What changes nothing tells nobody.
	if reply := rigs[0].post("config", []string{"No.Such.Key", "x"}); reply.StatusCode != http.StatusInternalServerError || rigs[1].settings.syncs() != 1 {
		t.Errorf("status %d: %s", reply.StatusCode, reply.Text)
	}
}

// A configuration that was read from one peer goes back there, whichever gets it.
func TestConfigurationReturnsToItsPeer(t *testing.T) {
	rigs := newRPCRigs(t, 2)
	shown := rigs[0].post("config/show", nil).Text
	contentType, body := upload1(t, strings.Replace(shown, `"ResolveCacheSize":128`, `"ResolveCacheSize":64`, 1))
	reply := proxytest.Ask(t, http.MethodPost, rigs[1].Command("config/replace", nil), body, "Content-Type", contentType)
	if reply.StatusCode != http.StatusOK || reply.Header.Get(member.Header) != rigs[0].self.ID().String() {
		t.Fatalf("status %d by %s: %s", reply.StatusCode, reply.Header.Get(member.Header), reply.Text)
	}
	for i, want := range []string{"64", "128"} {
		if got := rigs[i].post("config", []string{"Ipns.ResolveCacheSize"}).Text; !strings.Contains(got, want) {
			t.Errorf("peer %d has %s, want %s", i+1, got, want)
		}
	}
	for name, content := range map[string]string{"of nobody": `{"Identity":{"PeerID":"x"}}`, "nonsense": "{"} {
		contentType, body := upload1(t, content)
		reply := proxytest.Ask(t, http.MethodPost, rigs[1].Command("config/replace", nil), body, "Content-Type", contentType)
		if got := reply.Header.Get(member.Header); got != rigs[1].self.ID().String() {
			t.Errorf("a configuration that is %s is answered by %s", name, got)
		}
	}
}

func TestLongSettingsAreRefused(t *testing.T) {
	r := newRPCRig(t)
	contentType, body := upload1(t, strings.Repeat(" ", maxSettings))
	reply := proxytest.Ask(t, http.MethodPost, r.Command("config/replace", nil), body, "Content-Type", contentType)
	if reply.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d: %s", reply.StatusCode, reply.Text)
	}
}

// Who may do what is settled when the API starts, for all commands alike.
func TestSettingsOfTheAPIAreThoseOfItsStart(t *testing.T) {
	r := newRPCRig(t)
	if reply := r.post("config", []string{"API.Authorizations", `{"x": {"AuthSecret": "bearer:y", "AllowedPaths": ["/api/v0"]}}`}, "json", "true"); reply.StatusCode != http.StatusOK {
		t.Fatalf("status %d: %s", reply.StatusCode, reply.Text)
	}
	for _, command := range []string{"id", "repo/stat", "config/show"} {
		if reply := r.post(command, nil); reply.StatusCode != http.StatusOK {
			t.Errorf("%s: status %d: %s", command, reply.StatusCode, reply.Text)
		}
	}
	if reply := r.post("config", []string{"Pubsub.Router", "floodsub"}); reply.StatusCode != http.StatusOK {
		t.Errorf("a change: status %d: %s", reply.StatusCode, reply.Text)
	}
}
