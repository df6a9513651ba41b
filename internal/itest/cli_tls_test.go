package itest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// authority signs certificates, and keeps its own in a file.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	a := &authority{t: t, dir: t.TempDir()}
	a.file, _, a.cert, a.key = a.issue(name, true)
	return a
}

// issue makes a certificate for programs on this machine, signed by the authority or, for its own, by itself.
func (a *authority) issue(name string, own bool) (certFile, keyFile string, cert *x509.Certificate, key *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: own, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	parent, signer := a.cert, a.key
	if own {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		a.t.Fatal(err)
	}
	if cert, err = x509.ParseCertificate(der); err != nil {
		a.t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(a.dir, name+".pem"), filepath.Join(a.dir, name+".key")
	for file, block := range map[string]*pem.Block{
		certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: private},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			a.t.Fatal(err)
		}
	}
	return certFile, keyFile, cert, key
}

// startDaemon runs a peer of its own until the test ends, and returns the address of its API.
func startDaemon(t *testing.T, flags ...string) string {
	t.Helper()
	all := append(flagsFor(t, filepath.Join(t.TempDir(), "data")), flags...)
	cmd := exec.Command(Underlay(t), append([]string{"daemon"}, all...)...)
	log, err := os.Create(filepath.Join(t.TempDir(), "daemon.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+t.TempDir())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			raw, _ := os.ReadFile(log.Name())
			t.Errorf("the peer ends with %v: %s", err, raw)
		}
	})
	for i, flag := range all {
		if flag == "--api-listen" {
			return all[i+1]
		}
	}
	return ""
}

// The command line speaks to a peer with a certificate of an authority that only the user knows, by flags, by the
// environment and by the file of settings, and shows a certificate of its own where the peer wants one.
func TestCommandLineOverTLS(t *testing.T) {
	ours, others := newAuthority(t, "ours"), newAuthority(t, "others")
	cert, key, _, _ := ours.issue("peer", false)
	api := "https://" + startDaemon(t, "--api-tls-cert", cert, "--api-tls-key", key)
	u := newUser(t)
	Eventually(t, time.Minute, func() error { return healthy(u, "--api", api, "--tls-ca", ours.file) })
	for _, args := range [][]string{{"--api", api}, {"--api", api, "--tls-ca", others.file}} {
		if out := u.run("", append(args, "id")...); out.code != 4 || !strings.Contains(out.stderr, "certificate") {
			t.Errorf("%v: %+v", args, out)
		}
	}
	admin := strings.TrimSpace(u.must("--api", api, "--tls-ca", ours.file, "token", "create", "-q", "--scope=admin", "me"))
	env := newUser(t)
	env.env = append(env.env, "UNDERLAY_API="+api, "UNDERLAY_TLS_CA="+ours.file, "UNDERLAY_TOKEN="+admin)
	if self := env.must("token", "self"); !strings.Contains(self, "me: admin") {
		t.Errorf("by the environment: %s", self)
	}
	file := newUser(t)
	settings := "api: " + api + "\ntoken: " + admin + "\ntls_ca: " + ours.file + "\n"
	path := filepath.Join(file.dir, "client.yaml")
	if err := os.WriteFile(path, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	file.env = append(file.env, "UNDERLAY_CLIENT="+path)
	file.must("add", "--wait", path)
	if list := file.must("pin", "ls", "-q"); len(strings.Fields(list)) != 1 {
		t.Errorf("by the file: %s", list)
	}
}

// Where a peer wants certificates of its clients, the command line shows one; without it, or with one of another
// authority, it gets nowhere.
func TestCommandLineOverMutualTLS(t *testing.T) {
	ours, others := newAuthority(t, "ours"), newAuthority(t, "others")
	cert, key, _, _ := ours.issue("peer", false)
	api := "https://" + startDaemon(t, "--api-tls-cert", cert, "--api-tls-key", key, "--api-tls-client-ca", ours.file)
	mine, myKey, _, _ := ours.issue("ann", false)
	theirs, theirKey, _, _ := others.issue("eve", false)
	u := newUser(t)
	known := []string{"--api", api, "--tls-ca", ours.file, "--tls-cert", mine, "--tls-key", myKey}
	Eventually(t, time.Minute, func() error { return healthy(u, known...) })
	if self := u.must(append(known, "token", "self")...); !strings.Contains(self, "certificate ann: admin") {
		t.Errorf("with a certificate: %s", self)
	}
	for name, args := range map[string][]string{
		"without a certificate":               {"--api", api, "--tls-ca", ours.file},
		"with a certificate of somebody else": {"--api", api, "--tls-ca", ours.file, "--tls-cert", theirs, "--tls-key", theirKey},
	} {
		// The reason may not arrive: a peer refuses a certificate when the client has begun to send.
		if out := u.run("", append(args, "id")...); out.code != 4 || !strings.Contains(out.stderr, "cannot be reached") {
			t.Errorf("%s: %+v", name, out)
		}
	}
	if out := u.run("", "--api", api, "--tls-cert", mine, "id"); out.code != 2 {
		t.Errorf("a certificate without its key: %+v", out)
	}
}

// healthy asks a peer whether it takes part.
func healthy(u *commandLine, flags ...string) error {
	if out := u.run("", append(flags, "health")...); out.code != 0 {
		return &StatusError{out.code, out.stderr}
	}
	return nil
}
