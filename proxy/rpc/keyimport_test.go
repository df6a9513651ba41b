package rpc

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"testing"

	"github.com/libp2p/go-libp2p/core/crypto"
)

// FuzzDecodeKey: a file is refused or is a key that can be stored and read again as the same.
func FuzzDecodeKey(f *testing.F) {
	private := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), formatPEM)
	key, _, err := crypto.KeyPairFromStdKey(&private)
	if err != nil {
		f.Fatal(err)
	}
	raw, err := crypto.MarshalPrivateKey(key)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw, formatProtobuf)
	f.Add([]byte("-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n"), formatProtobuf)
	f.Add(raw, "other")
	f.Fuzz(func(t *testing.T, data []byte, format string) {
		key, err := decodeKey(data, format)
		if err != nil {
			return
		}
		stored, err := crypto.MarshalPrivateKey(key)
		if err != nil {
			t.Fatalf("what was read cannot be stored: %v", err)
		}
		if again, err := decodeKey(stored, formatProtobuf); err != nil || !again.Equals(key) {
			t.Errorf("stored as another key: %v", err)
		}
	})
}
