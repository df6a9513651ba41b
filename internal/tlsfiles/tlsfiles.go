// Package tlsfiles serves TLS with certificates from files, which may be replaced while it does.
package tlsfiles

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"
)

// checkEvery is how often, at most, the files are looked at.
const checkEvery = time.Second

// Files name what a server needs, all in PEM form.
type Files struct {
	Cert, Key string
	ClientCA  string // authorities, one of which must have signed a client's certificate; empty: none is asked for
}

// Open reads the files. The error names the one that cannot be used.
func (f Files) Open(logger *slog.Logger) (*Watched, error) {
	now, err := f.read()
	if err != nil {
		return nil, err
	}
	return &Watched{logger: logger, now: now}, nil
}

// Watched is what was last read from the files. Any goroutine may use it.
type Watched struct {
	logger *slog.Logger

	mu  sync.Mutex
	now *content
}

// content is what files had when they were read.
type content struct {
	files   Files
	config  *tls.Config
	stamps  []stamp // taken before they were read, so that what changed meanwhile is read again
	checked time.Time
}

// Config is the configuration of a server with the certificate in the files: TLS 1.2 or later, HTTP/2 or HTTP/1.1. When a
// client connects and the files have changed since, they are read again; if that fails, what was read before stays in use and
// the fault is logged once.
func (w *Watched) Config() *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		NextProtos:         []string{"h2", "http/1.1"},
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return w.current(), nil },
	}
}

// Replace reads other files, or the same ones again, and returns what puts them into use.
func (w *Watched) Replace(f Files) (use func(), err error) {
	next, err := f.read()
	if err != nil {
		return nil, err
	}
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.now = next
	}, nil
}

// stamp tells whether a file has changed.
type stamp struct {
	modified time.Time
	size     int64
}

func (w *Watched) current() *tls.Config {
	w.mu.Lock()
	defer w.mu.Unlock()
	if time.Since(w.now.checked) < checkEvery {
		return w.now.config
	}
	w.now.checked = time.Now()
	stamps := w.now.files.stamps()
	if slices.Equal(stamps, w.now.stamps) {
		return w.now.config
	}
	next, err := w.now.files.read()
	if err != nil {
		w.logger.Error("the certificate has changed and cannot be used; the one before it stays in use", "error", err)
		w.now.stamps = stamps
		return w.now.config
	}
	w.logger.Info("the certificate was read again", "file", next.files.Cert)
	w.now = next
	return next.config
}

// stamps looks at the files.
func (f Files) stamps() (stamps []stamp) {
	for _, name := range []string{f.Cert, f.Key, f.ClientCA} {
		var s stamp // of a file that is not there
		if info, err := os.Stat(name); err == nil {
			s = stamp{info.ModTime(), info.Size()}
		}
		stamps = append(stamps, s)
	}
	return stamps
}

func (f Files) read() (*content, error) {
	c := &content{files: f, stamps: f.stamps(), checked: time.Now()}
	cert, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if err != nil {
		return nil, fmt.Errorf("read certificate %s and key %s: %w", f.Cert, f.Key, err)
	}
	c.config = &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}, Certificates: []tls.Certificate{cert},
	}
	if f.ClientCA != "" {
		if c.config.ClientCAs, err = readAuthorities(f.ClientCA); err != nil {
			return nil, err
		}
		c.config.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return c, nil
}

func readAuthorities(name string) (*x509.CertPool, error) {
	raw, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read authorities of clients: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(raw) {
		return nil, fmt.Errorf("read authorities of clients: %w", errors.New(name+" holds no certificate in PEM form"))
	}
	return pool, nil
}
