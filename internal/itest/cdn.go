package itest

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"text/template"
	"time"
)

// CDN is an nginx that keeps what the gateways of a cluster answer, as a content delivery network does: whatever says
// that it may be kept, and also what says nothing about that.
type CDN struct {
	URL string // http://host:port

	t     testing.TB
	cache string

	mu      sync.Mutex
	origin  map[string]int // requests that came to the gateways, by path
	next    int
	purges  []string // paths that the hook was told
	refused int      // calls of the hook with the wrong token
}

var cdnConfig = template.Must(template.New("nginx.conf").Parse(`daemon off;
worker_processes 1;
error_log {{.Dir}}/error.log;
pid {{.Dir}}/nginx.pid;
events { worker_connections 256; }
http {
	access_log off;
	client_body_temp_path {{.Dir}}/body;
	proxy_temp_path {{.Dir}}/proxy;
	fastcgi_temp_path {{.Dir}}/fastcgi;
	uwsgi_temp_path {{.Dir}}/uwsgi;
	scgi_temp_path {{.Dir}}/scgi;
	proxy_cache_path {{.Cache}} levels=1 keys_zone=content:1m;
	server {
		listen {{.Listen}};
		location / {
			proxy_pass {{.Origin}};
			proxy_http_version 1.1;
			proxy_cache content;
			proxy_cache_key $request_uri;
			proxy_cache_lock on;
			proxy_cache_valid any 10m;
			add_header X-Cache $upstream_cache_status always;
		}
	}
}
`))

// cdnToken is what the hook of a CDN wants to see.
const cdnToken = "the token of the CDN"

// NewCDN makes a CDN with a hook, whose URL is returned for the settings of the peers. Serve gives it its cluster.
func NewCDN(t testing.TB) (cdn *CDN, hook string) {
	t.Helper()
	cdn = &CDN{t: t, cache: t.TempDir(), origin: make(map[string]int)}
	receiver := httptest.NewServer(http.HandlerFunc(cdn.purge))
	t.Cleanup(receiver.Close)
	return cdn, receiver.URL
}

// Serve starts the nginx in front of the peers, which it asks in turn, until the test ends.
func (d *CDN) Serve(peers []*Peer) {
	d.t.Helper()
	nginx, err := exec.LookPath("nginx")
	if err != nil {
		if os.Getenv("CI") != "" {
			d.t.Fatal(err)
		}
		d.t.Skip("needs nginx (Debian: apt-get install nginx-light)")
	}
	origin := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.origin[r.In.URL.RequestURI()]++
		d.next++
		target, err := url.Parse(peers[d.next%len(peers)].Gateway)
		if err != nil {
			d.t.Error(err)
			return
		}
		r.SetURL(target)
	}})
	d.t.Cleanup(origin.Close)
	dir, listen := d.t.TempDir(), freeAddress(d.t)
	var conf bytes.Buffer
	err = cdnConfig.Execute(&conf, map[string]string{"Dir": dir, "Cache": d.cache, "Listen": listen, "Origin": origin.URL})
	if err != nil {
		d.t.Fatal(err)
	}
	path := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(path, conf.Bytes(), 0o600); err != nil {
		d.t.Fatal(err)
	}
	for _, directory := range []string{dir, d.cache, filepath.Dir(d.cache), filepath.Dir(filepath.Dir(d.cache))} { // nginx works as another user
		if err := os.Chmod(directory, 0o777); err != nil {
			d.t.Fatal(err)
		}
	}
	startNginx(d.t, nginx, dir, path)
	d.URL = "http://" + listen
	Eventually(d.t, 10*time.Second, func() error {
		resp, err := http.Get(d.URL + "/healthz")
		if err != nil {
			return err
		}
		return resp.Body.Close()
	})
}

// Get asks the CDN, and tells whether it had the answer already.
func (d *CDN) Get(path string) (status int, body string, had bool, err error) {
	resp, err := http.Get(d.URL + path)
	if err != nil {
		return 0, "", false, err
	}
	raw, err := readAnswer(resp)
	if code, refused := asStatus(err); refused {
		return code, "", resp.Header.Get("X-Cache") == "HIT", nil
	}
	return resp.StatusCode, string(raw), resp.Header.Get("X-Cache") == "HIT", err
}

// Asked is how often a path was asked of the gateways.
func (d *CDN) Asked(path string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.origin[path]
}

// Purged are the paths that the hook was told.
func (d *CDN) Purged() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string(nil), d.purges...)
}

// purge is the hook: it removes what the CDN keeps for paths, and below them.
func (d *CDN) purge(w http.ResponseWriter, r *http.Request) {
	var message struct{ Paths []string }
	d.mu.Lock()
	defer d.mu.Unlock()
	if r.Header.Get("Authorization") != "Bearer "+cdnToken {
		d.refused++
		http.Error(w, "who are you?", http.StatusUnauthorized)
		return
	}
	err := json.NewDecoder(r.Body).Decode(&message)
	for _, path := range message.Paths {
		if err == nil {
			err = d.forget(path)
		}
	}
	if err != nil {
		d.t.Error(err)
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	d.purges = append(d.purges, message.Paths...)
}

// forget removes the files in which nginx keeps answers for a path or below it. Each begins with its key.
func (d *CDN) forget(path string) error {
	return filepath.WalkDir(d.cache, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		raw, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		for _, end := range []string{"\n", "/", "?"} {
			if bytes.Contains(raw, []byte("KEY: "+path+end)) {
				return os.Remove(name)
			}
		}
		return nil
	})
}
