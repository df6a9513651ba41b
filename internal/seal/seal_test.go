package seal

import (
	"bytes"
	"errors"
	"testing"
)

func sealer(t *testing.T, secret byte) *Sealer {
	t.Helper()
	s, err := New(bytes.Repeat([]byte{secret}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSealedDataIsReadByTheSecretOnly(t *testing.T) {
	s := sealer(t, 1)
	plain := []byte("a private key, long enough to be recognised")
	sealed := s.Seal("key/one", plain)
	if bytes.Contains(sealed, plain[:8]) {
		t.Error("the plain text shows")
	}
	if bytes.Equal(sealed, s.Seal("key/one", plain)) {
		t.Error("sealing twice gives the same bytes: the nonce is not random")
	}
	if got, err := sealer(t, 1).Open("key/one", sealed); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("got %q, %v", got, err)
	}
	for name, open := range map[string]func() ([]byte, error){
		"another secret": func() ([]byte, error) { return sealer(t, 2).Open("key/one", sealed) },
		"another place":  func() ([]byte, error) { return s.Open("key/two", sealed) },
		"nothing":        func() ([]byte, error) { return s.Open("key/one", nil) },
	} {
		if got, err := open(); !errors.Is(err, ErrSealed) {
			t.Errorf("%s: got %q, %v, want ErrSealed", name, got, err)
		}
	}
	for i := range sealed {
		damaged := bytes.Clone(sealed)
		damaged[i] ^= 1
		if got, err := s.Open("key/one", damaged); !errors.Is(err, ErrSealed) {
			t.Errorf("byte %d changed: got %q, %v, want ErrSealed", i, got, err)
		}
		if got, err := s.Open("key/one", sealed[:i]); !errors.Is(err, ErrSealed) {
			t.Errorf("cut off after %d bytes: got %q, %v, want ErrSealed", i, got, err)
		}
	}
}

func TestShortSecretIsRefused(t *testing.T) {
	if _, err := New(make([]byte, 15)); err == nil {
		t.Error("a secret of 15 bytes is accepted")
	}
}
