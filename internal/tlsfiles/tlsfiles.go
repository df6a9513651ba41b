// Package tlsfiles serves TLS with certificates from files, which may be replaced while it does.
package tlsfiles

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
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

// Config returns the configuration of a server with the certificate in the files: TLS 1.2 or later, HTTP/2 or HTTP/1.1.
// When a client connects and the files have changed since, they are read again; if that fails, what was read before stays in
// use and the fault is logged once. The error of the first reading names the file.
func (f Files) Config(logger *slog.Logger) (*tls.Config, error) {
	w := &watched{files: f, logger: logger}
	if err := w.load(); err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		NextProtos:         []string{"h2", "http/1.1"},
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return w.current(), nil },
	}, nil
}

// watched is what was last read from the files.
type watched struct {
	files  Files
	logger *slog.Logger

	mu      sync.Mutex
	config  *tls.Config
	stamps  []stamp // of the files when they were last read, with success or not
	checked time.Time
}

// stamp tells whether a file has changed.
type stamp struct {
	modified time.Time
	size     int64
}

func (w *watched) current() *tls.Config {
	w.mu.Lock()
	defer w.mu.Unlock()
	if time.Since(w.checked) < checkEvery || !w.changed() {
		return w.config
	}
	if err := w.load(); err != nil {
		w.logger.Error("the certificate has changed and cannot be used; the one before it stays in use", "error", err)
	} else {
		w.logger.Info("the certificate was read again", "file", w.files.Cert)
	}
	return w.config
}

func (w *watched) names() []string {
	names := []string{w.files.Cert, w.files.Key}
	if w.files.ClientCA != "" {
		names = append(names, w.files.ClientCA)
	}
	return names
}

// changed looks at the files, and remembers what it has seen.
func (w *watched) changed() bool {
	w.checked = time.Now()
	changed := len(w.stamps) == 0
	var stamps []stamp
	for i, name := range w.names() {
		var s stamp // of a file that is not there
		if info, err := os.Stat(name); err == nil {
			s = stamp{info.ModTime(), info.Size()}
		}
		stamps = append(stamps, s)
		changed = changed || s != w.stamps[i]
	}
	w.stamps = stamps
	return changed
}

// load reads the files. Their stamps are taken before, so that what changes meanwhile is read again.
func (w *watched) load() error {
	w.changed()
	cert, err := tls.LoadX509KeyPair(w.files.Cert, w.files.Key)
	if err != nil {
		return fmt.Errorf("read certificate %s and key %s: %w", w.files.Cert, w.files.Key, err)
	}
	config := &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}, Certificates: []tls.Certificate{cert},
	}
	if w.files.ClientCA != "" {
		if config.ClientCAs, err = readAuthorities(w.files.ClientCA); err != nil {
			return err
		}
		config.ClientAuth = tls.RequireAndVerifyClientCert
	}
	w.config = config
	return nil
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
