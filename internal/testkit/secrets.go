package testkit

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/libp2p/go-libp2p/core/crypto"
)

// KeyForms are the forms in which a private key could lie about, by what they are called.
func KeyForms(t testing.TB, key crypto.PrivKey) map[string][]byte {
	t.Helper()
	marshalled, err := crypto.MarshalPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := key.Raw()
	if err != nil {
		t.Fatal(err)
	}
	secret := raw
	if key.Type() == crypto.Ed25519 {
		secret = raw[:32] // the public key follows
	} else {
		secret = raw[len(raw)/2:] // the end of an RSA key is nothing but its secret numbers
	}
	forms := make(map[string][]byte)
	for name, plain := range map[string][]byte{"protobuf": marshalled, "raw": raw, "secret": secret} {
		forms[name] = plain
		forms[name+" in hex"] = []byte(hex.EncodeToString(plain))
		for offset := range 3 { // what stands before shifts base 64
			padded := append(make([]byte, offset), plain...)
			skip := []int{0, 2, 3}[offset]
			whole := len(padded) / 3 * 4
			forms[name+" in base 64, shifted by "+string(rune('0'+offset))] = []byte(base64.RawStdEncoding.EncodeToString(padded))[skip:whole]
			forms[name+" in base 64 of URLs, shifted by "+string(rune('0'+offset))] = []byte(base64.RawURLEncoding.EncodeToString(padded))[skip:whole]
		}
	}
	return forms
}

// FilesWith lists the files below dir that contain what is sought, by what that is called.
func FilesWith(t testing.TB, dir string, sought map[string][]byte) map[string][]string {
	t.Helper()
	found := make(map[string][]string)
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		file, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) { // deleted since it was listed
			return nil
		}
		for name, content := range sought {
			if bytes.Contains(file, content) {
				found[name] = append(found[name], path)
			}
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("search %s: %v", dir, err)
	}
	return found
}
