package itest

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// checkedBalancer is an nginx that hands requests only to those of its peers that say that they are ready, as the load
// balancers of a cloud do. nginx itself knows no such checks, so they are made here.
type checkedBalancer struct {
	URL string

	t     testing.TB
	path  string // of the checks
	conf  string // nginx's file
	dir   string
	pid   int
	peers []string // URLs
}

// startChecked starts a balancer in front of the servers at the URLs, which asks each of them for path every so often, until
// the test ends.
func startChecked(t testing.TB, urls []string, path string, every time.Duration) *checkedBalancer {
	t.Helper()
	b := &checkedBalancer{t: t, path: path, dir: t.TempDir(), peers: urls}
	listen := freeAddress(t)
	b.URL, b.conf = "http://"+listen, filepath.Join(b.dir, "nginx.conf")
	if err := b.write(listen, urls); err != nil {
		t.Fatal(err)
	}
	b.pid = startNginx(t, nginxOrSkip(t), b.dir, b.conf)
	awaitListener(t, listen)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		b.watch(ctx, listen, every)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return b
}

// watch keeps the balancer's list to those that are ready.
func (b *checkedBalancer) watch(ctx context.Context, listen string, every time.Duration) {
	client := &http.Client{Timeout: every}
	defer client.CloseIdleConnections()
	tick := time.NewTicker(every)
	defer tick.Stop()
	known := b.peers
	for {
		var ready []string
		for _, peer := range b.peers {
			if isReady(ctx, client, peer+b.path) {
				ready = append(ready, peer)
			}
		}
		if len(ready) > 0 && !slices.Equal(ready, known) && ctx.Err() == nil {
			known = ready
			if err := b.reload(listen, ready); err != nil {
				b.t.Errorf("tell the balancer: %v", err)
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func isReady(ctx context.Context, client *http.Client, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	resp, err := client.Do(req)
	if err != nil {
		return false
	}
	return resp.Body.Close() == nil && resp.StatusCode < 300
}

func (b *checkedBalancer) reload(listen string, ready []string) error {
	if err := b.write(listen, ready); err != nil {
		return err
	}
	return syscall.Kill(b.pid, syscall.SIGHUP)
}

func (b *checkedBalancer) write(listen string, urls []string) error {
	service := balancerService{Listen: listen}
	for _, url := range urls {
		service.Peers = append(service.Peers, strings.TrimPrefix(url, "http://"))
	}
	var text strings.Builder
	err := balancerConfig.Execute(&text, map[string]any{"Dir": b.dir, "Services": map[string]balancerService{"peers": service}})
	if err != nil {
		return fmt.Errorf("write the balancer's settings: %w", err)
	}
	return os.WriteFile(b.conf, []byte(text.String()), 0o600)
}
