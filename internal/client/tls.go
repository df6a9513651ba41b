package client

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// TLS says what an https API is trusted by, and how the client proves itself. All are names of files in PEM form; all may
// be empty.
type TLS struct {
	CA        string // authorities that are trusted instead of those of the system
	Cert, Key string // of the client
}

// errNoCertificate says that a file has no certificate in it.
var errNoCertificate = errors.New("it holds no certificate")

func (t TLS) config() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if t.CA != "" {
		raw, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, fmt.Errorf("read certificate authority: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(raw) {
			return nil, fmt.Errorf("read certificate authority %s: %w", t.CA, errNoCertificate)
		}
	}
	if t.Cert != "" || t.Key != "" {
		pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
		if err != nil {
			return nil, fmt.Errorf("read the client's certificate: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}
