package peer

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func openTestDir(t testing.TB, root string) *dataDir {
	t.Helper()
	d, err := openDataDir(root)
	if err != nil {
		t.Fatalf("open data directory: %v", err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func TestDataDirIsLocked(t *testing.T) {
	root := filepath.Join(t.TempDir(), "new", "data")
	d := openTestDir(t, root)
	if _, err := openDataDir(root); !errors.Is(err, ErrDataDirInUse) || !strings.Contains(err.Error(), root) {
		t.Errorf("a second open gives %v", err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	openTestDir(t, root)
}

func TestDataDirThatCannotBeMade(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(file, "data")
	if _, err := openDataDir(root); err == nil || errors.Is(err, ErrDataDirInUse) || !strings.Contains(err.Error(), root) {
		t.Errorf("error is %v", err)
	}
}

func TestDataDirKeepsIdentityAndSecret(t *testing.T) {
	root := filepath.Join(t.TempDir(), "data")
	d := openTestDir(t, root)
	ident, err := d.loadIdentity()
	if err != nil {
		t.Fatal(err)
	}
	secret, generated, err := d.loadSecret(nil, true)
	if err != nil || !generated || len(secret) != secretLen || bytes.Equal(secret, make([]byte, secretLen)) {
		t.Fatalf("new secret of %d bytes, generated %t, %v", len(secret), generated, err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d = openTestDir(t, root)
	again, err := d.loadIdentity()
	if err != nil || again.ID != ident.ID || !again.PrivateKey.Equals(ident.PrivateKey) {
		t.Errorf("identity was %s, is %v, %v", ident.ID, again, err)
	}
	kept, generated, err := d.loadSecret(nil, false)
	if err != nil || generated || !bytes.Equal(kept, secret) {
		t.Errorf("another secret, generated %t, %v", generated, err)
	}
	configured, generated, err := d.loadSecret(testSecret(1), true)
	if err != nil || generated || !bytes.Equal(configured, testSecret(1)) {
		t.Errorf("the configured secret is not used: generated %t, %v", generated, err)
	}
	if kept, _, err := d.loadSecret(nil, true); err != nil || !bytes.Equal(kept, secret) {
		t.Errorf("the configured secret was kept: %v", err)
	}
}

func TestSecretIsNotMadeUpForAPeerOfOthers(t *testing.T) {
	d := openTestDir(t, t.TempDir())
	if _, _, err := d.loadSecret(nil, false); !errors.Is(err, errNoSecret) {
		t.Errorf("error is %v", err)
	}
	if _, err := os.Stat(d.secret()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a secret was written: %v", err)
	}
}

func TestDamagedSecretIsRefusedByName(t *testing.T) {
	good := hex.EncodeToString(testSecret(1))
	for _, r := range []struct{ name, content string }{
		{"empty", ""}, {"blank", "\n"}, {"short", good[2:]}, {"long", good + "00"}, {"odd", good[1:]},
		{"no digits", strings.Repeat("zz", secretLen)}, {"two lines", good + "\n" + good},
	} {
		t.Run(r.name, func(t *testing.T) {
			d := openTestDir(t, t.TempDir())
			if err := os.WriteFile(d.secret(), []byte(r.content), 0o600); err != nil {
				t.Fatal(err)
			}
			_, generated, err := d.loadSecret(nil, true)
			if err == nil || generated || !strings.Contains(err.Error(), d.secret()) {
				t.Fatalf("generated %t, error %v", generated, err)
			}
			if len(r.content) > 10 && strings.Contains(err.Error(), r.content[:10]) {
				t.Errorf("the error shows the secret: %v", err)
			}
			if now, err := os.ReadFile(d.secret()); err != nil || string(now) != r.content {
				t.Errorf("the file is now %q, %v", now, err)
			}
		})
	}
}

func TestDamagedIdentityIsRefusedByName(t *testing.T) {
	d := openTestDir(t, t.TempDir())
	if err := os.WriteFile(d.identity(), []byte("{ not JSON"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := d.loadIdentity(); err == nil || !strings.Contains(err.Error(), d.identity()) {
		t.Errorf("error is %v", err)
	}
}

func TestDataDirIsPrivate(t *testing.T) {
	root := filepath.Join(t.TempDir(), "data")
	d := openTestDir(t, root)
	if _, err := d.loadIdentity(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := d.loadSecret(nil, true); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]fs.FileMode{
		root: 0o700, d.cluster(): 0o700, d.identity(): 0o600, d.secret(): 0o600,
	} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: mode %v, %v; want %v", path, info.Mode().Perm(), err, want)
		}
	}
	left, err := filepath.Glob(filepath.Join(d.cluster(), ".tmp-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("temporary files are left: %v, %v", left, err)
	}
}
