package console

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
)

// assetRoot is where the files are that pages need.
const assetRoot = Root + "static/"

// static has our own files, and libraries as they were published, each with its licence beside it: htmx 2.0.11 and idiomorph
// 0.7.4 (htmx's extension that is made of it).
//
//go:embed static
var static embed.FS

// assets serves the files of static. Their names on pages have a hash of their content, so browsers keep them for ever.
type assets struct {
	urls  map[string]string // by the name of the file
	files map[string]asset  // by the last part of the URL
}

type asset struct {
	kind          string
	plain, zipped []byte
}

func loadAssets() (*assets, error) {
	a := &assets{urls: make(map[string]string), files: make(map[string]asset)}
	entries, err := fs.ReadDir(static, "static")
	if err != nil {
		return nil, fmt.Errorf("list the files of the console: %w", err)
	}
	for _, e := range entries {
		content, err := static.ReadFile("static/" + e.Name())
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", e.Name(), err)
		}
		sum := sha256.Sum256(content)
		ext := path.Ext(e.Name())
		name := strings.TrimSuffix(e.Name(), ext) + "." + hex.EncodeToString(sum[:6]) + ext
		zipped, err := zip(content)
		if err != nil {
			return nil, fmt.Errorf("compress %s: %w", e.Name(), err)
		}
		a.urls[e.Name()] = assetRoot + name
		a.files[name] = asset{kind: mime.TypeByExtension(ext), plain: content, zipped: zipped}
	}
	return a, nil
}

func zip(content []byte) ([]byte, error) {
	var zipped bytes.Buffer
	w, err := gzip.NewWriterLevel(&zipped, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(content); err != nil {
		return nil, err
	}
	err = w.Close()
	return zipped.Bytes(), err
}

// url returns where a file is; it fails for one that there is not.
func (a *assets) url(name string) (string, error) {
	url, ok := a.urls[name]
	if !ok {
		return "", fmt.Errorf("the console has no file %q", name)
	}
	return url, nil
}

// ServeHTTP implements http.Handler.
func (a *assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, lasting := r.PathValue("name"), "private, max-age=31536000, immutable"
	if _, ok := a.files[name]; !ok { // a page of a peer of another version may have come here through a balancer
		name, lasting = path.Base(a.urls[withoutHash(name)]), "no-store"
	}
	file, ok := a.files[name]
	if !ok {
		http.Error(w, "no such file", http.StatusNotFound)
		return
	}
	h := w.Header()
	h.Set("Content-Type", file.kind)
	h.Set("Cache-Control", lasting)
	h.Set("Vary", "Accept-Encoding")
	content := file.plain
	if acceptsGzip(r) {
		h.Set("Content-Encoding", "gzip")
		content = file.zipped
	}
	h.Set("Content-Length", strconv.Itoa(len(content)))
	_, _ = w.Write(content) // the browser has gone if this fails
}

// withoutHash is the name of the file that a URL ends with the name of.
func withoutHash(name string) string {
	ext := path.Ext(name)
	stem := strings.TrimSuffix(name, ext)
	return strings.TrimSuffix(stem, path.Ext(stem)) + ext
}

// acceptsGzip tells whether a client reads gzip. A weight of 0, by which it could say that it does not, is not looked for: browsers
// send none, and other clients need no console.
func acceptsGzip(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept-Encoding"), "gzip")
}
