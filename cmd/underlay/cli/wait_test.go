package cli

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/underlay/underlay/internal/client"
)

// Whoever waits for a pin sees how many peers hold it, and what the others have fetched.
func TestWaitShowsWhatIsFetched(t *testing.T) {
	answers := []string{
		`{"cid":"c","peer_map":{"1":{"status":"pinned"},"2":{"status":"pinning","progress":{"nodes":7,"bytes":1536}},"3":{"status":"pinning","progress":{"nodes":3,"bytes":512}}}}`,
		`{"cid":"c","peer_map":{"1":{"status":"pinned"},"2":{"status":"pinned"},"3":{"status":"pinned"}}}`,
	}
	asked := 0
	peer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(answers[asked] + "\n"))
		asked++
	}))
	defer peer.Close()
	api, err := client.New(client.Options{URL: peer.URL})
	if err != nil {
		t.Fatal(err)
	}
	var shown bytes.Buffer
	s := &session{api: api, out: &sink{w: &shown}, bar: newProgress(&shown, true)}
	if err := awaitHolders(t.Context(), s, []string{"c"}); err != nil {
		t.Fatal(err)
	}
	if want := "1 of 3 peers, fetched 2.0 KiB, 10"; !strings.Contains(shown.String(), want) {
		t.Errorf("shown %q, want %q", shown.String(), want)
	}
}
