package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/underlay/underlay/config"
)

const testAdminToken = "0123456789abcdef0123456789abcdef"

// serveOne runs one peer until the test ends.
func serveOne(t *testing.T, edit func(*config.Config)) config.Config {
	t.Helper()
	conf := threeConfigs(t)[0]
	conf.Cluster.Peers = nil
	edit(&conf)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- serve(ctx, conf, slog.New(slog.NewTextHandler(testWriter{t, conf.Name}, nil)), environment{fatal: failAt(t)})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return conf
}

// writeCertificate writes a certificate for 127.0.0.1, which it has signed itself, and its key to files; it returns a client
// that trusts it.
func writeCertificate(t *testing.T, cert, key string, serial int64) *http.Client {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	public, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		cert: {Type: "CERTIFICATE", Bytes: public}, key: {Type: "PRIVATE KEY", Bytes: der},
	} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	parsed, err := x509.ParseCertificate(public)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return &http.Client{Transport: &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: roots}}}
}

// With a certificate both private listeners speak HTTPS and HTTP/2, and nothing in the clear; the gateway stays as it is. A
// certificate that is replaced is used at once.
func TestPrivateListenersWithTLS(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	client := writeCertificate(t, cert, key, 1)
	conf := serveOne(t, func(c *config.Config) {
		c.API.TLSCert, c.API.TLSKey = cert, key
		c.API.AdminToken = testAdminToken
	})
	eventually(t, time.Minute, func() error { return checkHealth(t.Context(), client, "https://"+conf.API.RESTListen) })
	for _, addr := range []string{conf.API.Listen, conf.API.RESTListen} {
		req, err := http.NewRequest(http.MethodGet, "https://"+addr+"/id", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.SetBasicAuth("anybody", testAdminToken)
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK || resp.ProtoMajor != 2 {
			t.Errorf("%s: %s, %s", addr, resp.Status, resp.Proto)
		}
		clear, err := http.Get("http://" + addr + "/health")
		if err != nil {
			t.Fatal(err)
		}
		clear.Body.Close()
		if clear.StatusCode != http.StatusBadRequest {
			t.Errorf("%s in the clear: %s", addr, clear.Status)
		}
	}
	if status, err := upload(client, "https://"+conf.API.Listen, strings.Repeat("content ", 1<<18)); err != nil || status != http.StatusOK {
		t.Errorf("an upload over HTTP/2: %d, %v", status, err)
	}
	gateway, err := http.Get("http://" + conf.Gateway.Listen + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	gateway.Body.Close()
	if gateway.StatusCode != http.StatusOK {
		t.Errorf("gateway: %s", gateway.Status)
	}
	client.CloseIdleConnections()
	client = writeCertificate(t, cert, key, 2)
	eventually(t, 20*time.Second, func() error { return checkHealth(t.Context(), client, "https://"+conf.API.Listen) })
	client.CloseIdleConnections()
}

// upload adds a file without telling its length, and reads the whole answer.
func upload(client *http.Client, api, content string) (status int, err error) {
	const boundary = "boundary"
	body := io.MultiReader(
		strings.NewReader("--"+boundary+"\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\n"),
		strings.NewReader(content), strings.NewReader("\r\n--"+boundary+"--\r\n"))
	req, err := http.NewRequest(http.MethodPost, api+"/api/v0/add?progress=true", body)
	if err != nil {
		return 0, err
	}
	req.SetBasicAuth("anybody", testAdminToken)
	req.Header.Set("Content-Type", "multipart/form-data; boundary="+boundary)
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && !strings.Contains(string(answer), `"Hash"`) {
		err = fmt.Errorf("answer %s, trailer %v", answer, resp.Trailer)
	}
	return resp.StatusCode, err
}

// A peer that others can reach starts with an admin token, with a credential that the cluster knows from before, or when
// its network is trusted; otherwise it does not.
func TestExposedListeners(t *testing.T) {
	dir := t.TempDir()
	exposed := func(c *config.Config) {
		c.DataDir = dir
		c.API.RESTListen = strings.Replace(c.API.RESTListen, "127.0.0.1", "0.0.0.0", 1)
	}
	run := func(edit func(*config.Config), token string, want int) {
		t.Helper()
		t.Run("", func(t *testing.T) {
			conf := serveOne(t, func(c *config.Config) { exposed(c); edit(c) })
			_, port, _ := net.SplitHostPort(conf.API.RESTListen)
			rest := "http://127.0.0.1:" + port
			eventually(t, time.Minute, func() error { return checkHealth(t.Context(), http.DefaultClient, rest) })
			answers := map[string]int{token: http.StatusCreated}
			answers[""] = want
			for credential, want := range answers {
				req, err := http.NewRequest(http.MethodPost, rest+"/access/users",
					strings.NewReader(`{"name": "u`+port+`", "password": "correct horse", "scopes": ["admin"]}`))
				if err != nil {
					t.Fatal(err)
				}
				if credential != "" {
					req.Header.Set("Authorization", "Bearer "+credential)
				}
				resp, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
				if resp.StatusCode != want {
					t.Errorf("credential %q: %s, want %d", credential, resp.Status, want)
				}
			}
		})
	}
	refused := func() {
		t.Helper()
		conf := threeConfigs(t)[0]
		exposed(&conf)
		err := serve(t.Context(), conf, slog.New(slog.DiscardHandler), environment{fatal: failAt(t)})
		if err == nil || !strings.Contains(err.Error(), "api.rest_listen") {
			t.Errorf("exposed and open: %v", err)
		}
	}
	refused()
	run(func(c *config.Config) { c.API.AdminToken = testAdminToken }, testAdminToken, http.StatusUnauthorized)
	run(func(*config.Config) {}, "", http.StatusUnauthorized) // it knows a user by now
}
