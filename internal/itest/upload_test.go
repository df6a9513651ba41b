package itest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"
)

// cutUpload sends a part of a file to a command and goes away.
func cutUpload(t testing.TB, url string, half []byte) {
	t.Helper()
	body, pipe := io.Pipe()
	form := multipart.NewWriter(pipe)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", form.FormDataContentType())
	over := make(chan error, 1)
	go func() {
		resp, err := newClient().Do(req)
		if err == nil {
			_, err = readAnswer(resp)
		}
		pipe.CloseWithError(errors.New("answered")) // or whoever writes would wait for ever
		over <- err
	}()
	part, err := form.CreateFormFile("file", "cut")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := part.Write(half); err != nil {
		t.Fatal(err)
	}
	pipe.CloseWithError(errGone)
	if err := <-over; !errors.Is(err, errGone) {
		t.Errorf("%s: a cut upload ends with %v", url, err)
	}
}

var errGone = errors.New("the client goes away")

// cutRequest sends a request without a body and goes away when it has been at work for a while.
func cutRequest(t testing.TB, url string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := newClient().Do(req)
	if err == nil {
		_, err = readAnswer(resp)
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%s: %v", url, err)
	}
}

// An add of many files through a load balancer that streams in both directions: the answer to the first must not keep the
// others from being sent.
func TestAddOfManyFilesThroughBalancer(t *testing.T) {
	c := Start(t)
	b := c.Balance()
	for _, query := range []string{"", "progress=true", "wrap-with-directory=true&progress=true", "silent=true"} {
		body, pipe := io.Pipe()
		form := multipart.NewWriter(pipe)
		go func() {
			for i := range 50 {
				part, err := form.CreateFormFile("file", fmt.Sprint("file", i))
				if err == nil {
					_, err = part.Write(bytes.Repeat([]byte(fmt.Sprintln(query, i)), 10_000))
				}
				if err != nil {
					pipe.CloseWithError(err)
					return
				}
			}
			pipe.CloseWithError(form.Close())
		}()
		began := time.Now()
		resp, err := b.Post(b.API+"/api/v0/add?"+query, form.FormDataContentType(), body)
		if err != nil {
			t.Fatalf("%q: %v", query, err)
		}
		answer, err := readAnswer(resp)
		if want := 50; err != nil || !strings.Contains(query, "silent") && strings.Count(string(answer), `"Hash"`) < want {
			t.Errorf("%q: %d bytes of answer, %v", query, len(answer), err)
		}
		t.Logf("%q took %s", query, time.Since(began).Round(time.Millisecond))
	}
	// The client that reads while it sends, through the balancer and straight.
	for _, api := range []string{b.API, c.Peers[0].API} {
		out := IPFS(t, "--api", Multiaddr(api), "add", "-r", "--progress", root()+"/peer")
		if !strings.Contains(out, "added") || !strings.Contains(out, "peer/pinning.go") {
			t.Errorf("add through %s printed %s", api, out)
		}
	}
}

// An upload that stands still, through a load balancer or straight, ends; and with it the lock for which collections wait.
func TestStandingUploadLetsCollectionsPass(t *testing.T) {
	if !faultMode() {
		t.Skip("waits for a minute; runs in make fault")
	}
	c := Start(t)
	b := c.Balance()
	done := make(chan error)
	var pipes []*io.PipeWriter
	for _, api := range []string{c.Peers[0].API, b.API, b.API, b.API} {
		body, pipe := io.Pipe()
		pipes = append(pipes, pipe)
		form := multipart.NewWriter(pipe)
		go func() {
			resp, err := (&http.Client{}).Post(api+"/api/v0/add", form.FormDataContentType(), body)
			if err == nil {
				_, err = readAnswer(resp)
			}
			done <- err
		}()
		part, err := form.CreateFormFile("file", "stands")
		if err == nil {
			_, err = part.Write(make([]byte, 1<<20))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	for _, p := range c.Peers {
		if err := p.Collect(); err != nil {
			t.Error(err)
		}
		if _, err := p.Add([]byte("after the collection on "+p.Name), ""); err != nil {
			t.Error(err)
		}
	}
	t.Logf("collections and adds on all peers took %s", time.Since(began).Round(time.Second))
	for _, pipe := range pipes {
		pipe.CloseWithError(errors.New("enough"))
		if err := <-done; err == nil {
			t.Error("an upload that stood still succeeded")
		}
	}
}

// `pin add --progress` counts the blocks while this peer fetches them, also through the load balancer.
func TestPinAddShowsProgress(t *testing.T) {
	c := Start(t)
	for i, p := range []*Peer{c.Peers[1], c.balanced()} {
		d := dagShape{seed: uint64(i), roots: 1, branches: 4, leaves: 200, size: 5000}
		roots, err := c.Peers[0].importDAG(d, "pin-roots=false")
		if err != nil {
			t.Fatal(err)
		}
		answer, err := p.RPC("pin/add", roots[0], "progress=true")
		if err != nil {
			t.Fatal(err)
		}
		c.Acked(roots[0])
		lines := strings.Split(strings.TrimSpace(answer), "\n")
		if len(lines) < 2 || lines[len(lines)-1] != `{"Pins":["`+roots[0]+`"]}` || !strings.HasPrefix(lines[len(lines)-2], fmt.Sprintf(`{"Progress":%d,"Bytes":`, d.blocks())) {
			t.Errorf("through %s: %s", p.Name, answer)
		}
		t.Logf("%d lines through %s", len(lines), p.Name)
	}
}
