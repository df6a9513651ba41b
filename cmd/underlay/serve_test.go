package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/underlay/underlay/config"
)

// leftovers are goroutines that the embedded libraries keep for the life of the process; none of them is ours.
func leftovers() []goleak.Option {
	return []goleak.Option{
		goleak.IgnoreCurrent(),
		// One for the process.
		goleak.IgnoreAnyFunction("go.opencensus.io/stats/view.(*worker).start"),
		goleak.IgnoreAnyFunction("github.com/libp2p/go-flow-metrics.(*sweeper).run"),
		// Kubo does not close its provider query manager.
		goleak.IgnoreAnyFunction("github.com/ipfs/boxo/routing/providerquerymanager.(*ProviderQueryManager).run"),
		goleak.IgnoreAnyFunction("github.com/ipfs/boxo/routing/providerquerymanager.(*ProviderQueryManager).findProviderWorker"),
		goleak.IgnoreAnyFunction("github.com/gammazero/chanqueue.(*ChanQueue[...]).bufferData"),
	}
}

// Three whole peers in one process, through the same serve that the program runs: they form a cluster, content added
// through one is served by another's gateway, and they stop within the time-out without leaving anything behind.
func TestThreePeersInOneProcess(t *testing.T) {
	defer goleak.VerifyNone(t, leftovers()...)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	confs := threeConfigs(t)
	ended := make(chan error, len(confs))
	for _, conf := range confs {
		logger := slog.New(slog.NewTextHandler(testWriter{t, conf.Name}, nil))
		go func() { ended <- serve(ctx, conf, logger, environment{fatal: failAt(t)}) }()
	}
	for _, conf := range confs {
		eventually(t, time.Minute, func() error { return checkHealth(ctx, http.DefaultClient, "http://"+conf.API.RESTListen) })
	}

	cid := addFile(t, "http://"+confs[0].API.Listen, "hello from the first peer")
	eventually(t, 10*time.Second, func() error {
		return expectBody("http://"+confs[2].Gateway.Listen+"/ipfs/"+cid, "hello from the first peer")
	})

	began := time.Now()
	cancel()
	for range confs {
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("serve: %v", err)
			}
		case <-time.After(confs[0].ShutdownTimeout):
			t.Fatal("a peer did not stop in time")
		}
	}
	t.Logf("three peers stopped in %s", time.Since(began))
	http.DefaultClient.CloseIdleConnections()
}

// A listener that cannot be had ends serve with an error, and frees the others.
func TestServeFailsCleanly(t *testing.T) {
	defer goleak.VerifyNone(t, leftovers()...)
	conf := threeConfigs(t)[0]
	taken, err := net.Listen("tcp", conf.API.RESTListen)
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	err = serve(context.Background(), conf, slog.New(slog.DiscardHandler), environment{fatal: failAt(t)})
	if err == nil || !strings.Contains(err.Error(), "api.rest_listen") {
		t.Errorf("error %v does not name the setting", err)
	}
	free, err := net.Listen("tcp", conf.Gateway.Listen)
	if err != nil {
		t.Fatalf("the gateway's port was not given back: %v", err)
	}
	free.Close()
}

// A peer that listens nowhere private but on a taken cluster port gives everything back as well.
func TestServeFailsCleanlyAfterTheNodeHasStarted(t *testing.T) {
	conf := threeConfigs(t)[0]
	taken, err := net.Listen("tcp", conf.Cluster.Listen)
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	err = serve(context.Background(), conf, slog.New(slog.DiscardHandler), environment{fatal: failAt(t)})
	if err == nil || !strings.Contains(err.Error(), conf.Cluster.Listen) {
		t.Errorf("error %v does not name the address", err)
	}
	taken.Close()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, conf, slog.New(slog.DiscardHandler), environment{fatal: failAt(t)}) }()
	_, port, _ := net.SplitHostPort(conf.Cluster.Listen)
	eventually(t, 20*time.Second, func() error { // it listens: so directory, repository and ports were given back
		conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", port))
		if err == nil {
			conn.Close()
		}
		return err
	})
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func threeConfigs(t *testing.T) []config.Config {
	t.Helper()
	var confs []config.Config
	var members []string
	for n := range 3 {
		conf := config.Default(nil)
		conf.Name = fmt.Sprint("peer", n+1)
		conf.DataDir = t.TempDir()
		conf.PublicNetwork = false
		conf.Gateway.Listen, conf.API.Listen, conf.API.RESTListen, conf.PSA.Listen = freeAddr(t), freeAddr(t), freeAddr(t), freeAddr(t)
		conf.Cluster.Listen = freeAddr(t)
		conf.Cluster.Secret = config.Secret(strings.Repeat("5e", 32))
		conf.IPFS = config.KuboSettings{"Addresses": map[string]any{"Swarm": []any{"/ip4/127.0.0.1/tcp/0"}}}
		members = append(members, conf.Cluster.Listen)
		confs = append(confs, conf)
	}
	for n := range confs {
		confs[n].Cluster.Peers = members
	}
	return confs
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func addFile(t *testing.T, api, content string) string {
	t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("file", "hello")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(part, content)
	form.Close()
	resp, err := http.Post(api+"/api/v0/add?quieter=true&cid-version=1", form.FormDataContentType(), &body)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("add: %s %s %v", resp.Status, answer, err)
	}
	_, rest, _ := strings.Cut(string(answer), `"Hash":"`)
	cid, _, _ := strings.Cut(rest, `"`)
	return cid
}

func expectBody(url, want string) error {
	resp, err := http.Get(url)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err == nil && string(got) != want {
		err = fmt.Errorf("%s: %s: %q", url, resp.Status, got)
	}
	return err
}

func eventually(t *testing.T, limit time.Duration, f func() error) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(limit)
	for {
		err := f()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("after %s: %v", limit, err)
		}
	}
}

func failAt(t *testing.T) func(error) { return func(err error) { t.Errorf("fatal: %v", err) } }

// testWriter sends a peer's log to the test's.
type testWriter struct {
	t    *testing.T
	name string
}

func (w testWriter) Write(line []byte) (int, error) {
	w.t.Logf("%s: %s", w.name, bytes.TrimSpace(line))
	return len(line), nil
}
