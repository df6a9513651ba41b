// Package seal encrypts what the peers of a cluster share but nobody else may read: private keys and passwords in the log,
// the state, snapshots and backups. Whoever has the cluster's secret can open it.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
)

// version is the first byte of everything sealed: AES-256-GCM under a key derived by HKDF-SHA256 (RFC 5869), with a random
// nonce of 12 bytes before the ciphertext.
const version = 1

// purpose separates our key from others that may be derived from the same secret.
const purpose = "underlay sealed values 1"

// ErrSealed reports data that cannot be opened: it is damaged, was sealed for another place or under another secret.
var ErrSealed = errors.New("sealed data cannot be opened with this cluster's secret")

// Sealer seals and opens. Any goroutine may use it.
type Sealer struct{ aead cipher.AEAD }

// New makes the sealer of the cluster with this secret.
func New(secret []byte) (*Sealer, error) {
	if len(secret) < 16 {
		return nil, fmt.Errorf("derive the sealing key: a secret of %d bytes is too short", len(secret))
	}
	key, err := hkdf.Key(sha256.New, secret, nil, purpose, 32)
	if err != nil {
		return nil, fmt.Errorf("derive the sealing key: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("make the sealing cipher: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("make the sealing cipher: %w", err)
	}
	return &Sealer{aead}, nil
}

// Seal encrypts plain for one place, such as the key of a value: it cannot be opened as if it stood in another.
func (s *Sealer) Seal(place string, plain []byte) []byte {
	sealed := make([]byte, 1+s.aead.NonceSize(), 1+s.aead.NonceSize()+len(plain)+s.aead.Overhead())
	sealed[0] = version
	nonce := sealed[1:]
	_, _ = rand.Read(nonce) // never fails: it ends the process instead
	return s.aead.Seal(sealed, nonce, plain, associated(place))
}

// Open decrypts what Seal made for the same place. The error matches ErrSealed.
func (s *Sealer) Open(place string, sealed []byte) ([]byte, error) {
	n := 1 + s.aead.NonceSize()
	if len(sealed) < n || sealed[0] != version {
		return nil, fmt.Errorf("open %s: %w", place, ErrSealed)
	}
	plain, err := s.aead.Open(nil, sealed[1:n], sealed[n:], associated(place))
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", place, ErrSealed)
	}
	return plain, nil
}

func associated(place string) []byte { return append([]byte{version}, place...) }
