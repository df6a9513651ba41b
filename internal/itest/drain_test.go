package itest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// visitors ask for one page again and again on connections that they keep, and note what goes wrong.
type visitors struct {
	asked, failed atomic.Int64
	group         *errgroup.Group
	stop          context.CancelFunc
}

// startVisitors starts n visitors, each of which asks every so often.
func startVisitors(t testing.TB, n int, every time.Duration, url string, want []byte) *visitors {
	ctx, stop := context.WithCancel(context.Background())
	v := &visitors{group: new(errgroup.Group), stop: stop}
	client := newClient()
	for range n {
		v.group.Go(func() error {
			tick := time.NewTicker(every)
			defer tick.Stop()
			for {
				select {
				case <-ctx.Done():
					return nil
				case <-tick.C:
				}
				v.asked.Add(1)
				if err := visit(client, url, want); err != nil {
					v.failed.Add(1)
					t.Errorf("request %d: %v", v.asked.Load(), err)
				}
			}
		})
	}
	t.Cleanup(v.end)
	return v
}

func visit(client *http.Client, url string, want []byte) error {
	resp, err := client.Get(url)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err == nil && (resp.StatusCode != http.StatusOK || !bytes.Equal(got, want)) {
		err = fmt.Errorf("%s with %d bytes", resp.Status, len(got))
	}
	return err
}

// await waits until they have asked n times more.
func (v *visitors) await(t testing.TB, n int64) {
	t.Helper()
	target := v.asked.Load() + n
	Eventually(t, time.Minute, func() error {
		if asked := v.asked.Load(); asked < target {
			return fmt.Errorf("%d requests, want %d", asked, target)
		}
		return nil
	})
}

func (v *visitors) end() {
	v.stop()
	_ = v.group.Wait() // returns nil
}

// A peer that is told to stop says so to load balancers, goes on until they have found out, and no visitor notices.
func TestStopBehindABalancer(t *testing.T) {
	t.Parallel() // it waits most of the time
	c := Start(t, "--config", settingsOf(t, "drain_delay: 5s\n"))
	content := randomContent(1, 4096)
	cid, err := c.Peers[0].Add(content, "cid-version=1")
	if err != nil {
		t.Fatal(err)
	}
	c.Acked(cid)
	var gateways []string
	for _, p := range c.Peers {
		gateways = append(gateways, p.Gateway)
	}
	b := startChecked(t, gateways, "/readyz", 200*time.Millisecond)
	v := startVisitors(t, 10, 100*time.Millisecond, b.URL+"/ipfs/"+cid, content)
	for _, p := range c.Peers[1:] { // a member that does not lead, and one that may
		v.await(t, 100)
		c.signal(p, syscall.SIGTERM)
		began := time.Now()
		expectDraining(t, p, cid, content)
		c.awaitExit(p)
		took := time.Since(began)
		if took < 5*time.Second {
			t.Errorf("%s stopped after %s, before the delay was over", p.Name, took)
		}
		t.Logf("%s stopped after %s", p.Name, took.Round(time.Millisecond))
		v.await(t, 100)
		c.Restart(p)
		awaitReadyz(t, p)
		c.AwaitReady(p)
	}
	v.await(t, 100)
	v.end()
	t.Logf("%d requests, %d failed", v.asked.Load(), v.failed.Load())
}

// expectDraining checks that the peer wants no more requests and answers them.
func expectDraining(t *testing.T, p *Peer, cid string, content []byte) {
	t.Helper()
	for url, want := range map[string]int{
		p.Gateway + "/readyz": 503, p.REST + "/health": 503, p.API + "/health": 503, p.Gateway + "/healthz": 200,
		p.API + "/readyz": 503, p.REST + "/readyz": 503, p.PSA + "/readyz": 503, p.PSA + "/healthz": 200, p.REST + "/id": 200,
	} {
		Eventually(t, 4*time.Second, func() error {
			resp, err := p.http.Get(url)
			if err != nil {
				return err
			}
			if resp.StatusCode != want {
				err = fmt.Errorf("%s: %s, want %d", url, resp.Status, want)
			}
			return errors.Join(err, resp.Body.Close())
		})
	}
	if err := visit(p.http, p.Gateway+"/ipfs/"+cid, content); err != nil {
		t.Errorf("%s while it drains: %v", p.Name, err)
	}
}

// awaitReadyz waits until a peer that was just started wants requests. Before, it says that it starts.
func awaitReadyz(t *testing.T, p *Peer) {
	t.Helper()
	starting := 0
	Eventually(t, time.Minute, func() error {
		resp, err := p.http.Get(p.Gateway + "/readyz")
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		reason, err := io.ReadAll(resp.Body)
		switch {
		case err != nil:
			return err
		case resp.StatusCode == http.StatusServiceUnavailable && bytes.HasPrefix(reason, []byte("starting")):
			starting++
			return errors.New("it is starting")
		case resp.StatusCode != http.StatusOK:
			t.Errorf("%s: %s %q", p.Name, resp.Status, reason)
		}
		return nil
	})
	if starting == 0 {
		t.Errorf("%s never said that it was starting", p.Name)
	}
}
