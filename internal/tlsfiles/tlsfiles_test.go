package tlsfiles

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// pair is a certificate that has signed itself, and its key.
type pair struct {
	cert, key []byte // PEM
	serial    int64
}

func makePair(t *testing.T, serial int64) pair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, BasicConstraintsValid: true, IsCA: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pair{
		cert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}),
		key:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), serial: serial,
	}
}

// place is where the files are.
type place struct {
	t *testing.T
	Files
}

func newPlace(t *testing.T) place {
	dir := t.TempDir()
	return place{t, Files{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}}
}

func (p place) put(name string, content []byte) {
	p.t.Helper()
	if err := os.WriteFile(name+".new", content, 0o600); err != nil {
		p.t.Fatal(err)
	}
	if err := os.Rename(name+".new", name); err != nil {
		p.t.Fatal(err)
	}
}

func (p place) open(to slog.Handler) *Watched {
	p.t.Helper()
	w, err := p.Open(slog.New(to))
	if err != nil {
		p.t.Fatal(err)
	}
	return w
}

func (p place) putPair(q pair) { p.put(p.Cert, q.cert); p.put(p.Key, q.key) }

// hello connects a client to a server with a configuration, and returns the certificate that the client is shown and the
// protocol that they speak.
func hello(t *testing.T, config, client *tls.Config) (serial int64, protocol string, err error) {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	served := make(chan error, 1)
	go func() {
		conn, err := l.Accept()
		if err == nil {
			err = conn.(*tls.Conn).Handshake()
			conn.Close()
		}
		served <- err
	}()
	dialer := tls.Dialer{NetDialer: &net.Dialer{Timeout: 10 * time.Second}, Config: client}
	conn, err := dialer.Dial("tcp", l.Addr().String())
	if refused := <-served; err == nil && refused != nil { // the server checks the client's certificate last
		err = refused
	}
	if err != nil {
		return 0, "", err
	}
	defer conn.Close()
	state := conn.(*tls.Conn).ConnectionState()
	return state.PeerCertificates[0].SerialNumber.Int64(), state.NegotiatedProtocol, nil
}

func anyServer() *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2", "http/1.1"}}
}

func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(20 * time.Second); !ok(); {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("never: %s", what)
		}
	}
}

// A certificate that is replaced is served soon, and one that cannot be read is not: the one before it stays.
func TestReplacedCertificate(t *testing.T) {
	p := newPlace(t)
	p.putPair(makePair(t, 1))
	var log bytes.Buffer
	config := p.open(slog.NewTextHandler(&log, nil)).Config()
	if serial, protocol, err := hello(t, config, anyServer()); serial != 1 || protocol != "h2" || err != nil {
		t.Fatalf("at first: %d, %q, %v", serial, protocol, err)
	}
	shows := func(want int64) func() bool {
		return func() bool {
			serial, _, err := hello(t, config, anyServer())
			if err != nil {
				t.Fatal(err)
			}
			return serial == want
		}
	}
	p.putPair(makePair(t, 2))
	await(t, "the second certificate is shown", shows(2))
	p.put(p.Cert, []byte("nonsense"))
	await(t, "the fault is logged", func() bool { return shows(2)() && strings.Contains(log.String(), "stays in use") })
	if !shows(2)() {
		t.Error("the second certificate is no longer shown")
	}
	p.putPair(makePair(t, 3))
	await(t, "the third certificate is shown", shows(3))
	if faults := strings.Count(log.String(), "level=ERROR"); faults > 2 { // one for each file that was not there yet
		t.Errorf("the fault is logged %d times: %s", faults, &log)
	}
}

func TestOldVersionsAreRefused(t *testing.T) {
	p := newPlace(t)
	p.putPair(makePair(t, 1))
	config := p.open(slog.DiscardHandler).Config()
	old := anyServer()
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	if _, _, err := hello(t, config, old); err == nil {
		t.Error("TLS 1.1 is spoken")
	}
	old.MaxVersion = tls.VersionTLS12
	if _, _, err := hello(t, config, old); err != nil {
		t.Errorf("TLS 1.2: %v", err)
	}
}

// With an authority of clients, those without its certificate are refused.
func TestClientCertificates(t *testing.T) {
	p := newPlace(t)
	p.putPair(makePair(t, 1))
	p.ClientCA = filepath.Join(filepath.Dir(p.Cert), "clients.pem")
	known, stranger := makePair(t, 5), makePair(t, 6)
	p.put(p.ClientCA, known.cert)
	config := p.open(slog.DiscardHandler).Config()
	for _, c := range []struct {
		name string
		has  *pair
		ok   bool
	}{{"known", &known, true}, {"stranger", &stranger, false}, {"none", nil, false}} {
		client := anyServer()
		if c.has != nil {
			cert, err := tls.X509KeyPair(c.has.cert, c.has.key)
			if err != nil {
				t.Fatal(err)
			}
			client.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cert, nil }
		}
		if _, _, err := hello(t, config, client); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestFilesThatCannotBeUsed(t *testing.T) {
	p := newPlace(t)
	if _, err := p.Open(slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), p.Cert) {
		t.Errorf("absent: %v", err)
	}
	p.putPair(makePair(t, 1))
	p.put(p.Key, makePair(t, 2).key)
	if _, err := p.Open(slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), p.Key) {
		t.Errorf("of different pairs: %v", err)
	}
	p.putPair(makePair(t, 1))
	p.ClientCA = p.Key
	if _, err := p.Open(slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), p.ClientCA) {
		t.Errorf("no authority: %v", err)
	}
}

// Other files are in use when they are told to be, and not before; files that cannot be used change nothing.
func TestReplacedFiles(t *testing.T) {
	first, second := newPlace(t), newPlace(t)
	first.putPair(makePair(t, 1))
	w := first.open(slog.DiscardHandler)
	shows := func(want int64) {
		t.Helper()
		if serial, _, err := hello(t, w.Config(), anyServer()); serial != want || err != nil {
			t.Errorf("shown is certificate %d, %v; want %d", serial, err, want)
		}
	}
	if _, err := w.Replace(second.Files); err == nil || !strings.Contains(err.Error(), second.Cert) {
		t.Errorf("absent: %v", err)
	}
	second.putPair(makePair(t, 2))
	use, err := w.Replace(second.Files)
	if err != nil {
		t.Fatal(err)
	}
	shows(1)
	use()
	shows(2)
}
