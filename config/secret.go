package config

import (
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
)

// redacted stands where a secret would be. It is no valid secret, so a printed configuration that still has it in a
// secret's place is refused instead of being used.
const redacted = "(redacted)"

// secretBytes is the length of the cluster secret in bytes; in settings it is written in twice as many digits.
const secretBytes = 32

// Secret is a setting that must not be read over anybody's shoulder: fmt, slog, JSON and YAML all print a placeholder.
// Like any string it gives itself away when converted, and when printed inside an unexported struct field, where fmt
// cannot call its methods.
type Secret string

// Bytes returns the 32 bytes of the secret. The error, if it is not 64 hexadecimal digits, does not contain it.
func (s Secret) Bytes() ([]byte, error) {
	if problem := s.problem(); problem != "" {
		return nil, fmt.Errorf("decode secret: %s", problem)
	}
	b := make([]byte, secretBytes)
	// The problem check has decoded it once, so this cannot fail.
	_, _ = hex.Decode(b, []byte(s))
	return b, nil
}

// problem says what is wrong with the secret, without showing it; empty means nothing.
func (s Secret) problem() string {
	if len(s) != 2*secretBytes {
		return fmt.Sprintf("must be %d hexadecimal digits, has %d", 2*secretBytes, len(s))
	}
	if _, err := hex.DecodeString(string(s)); err != nil {
		return fmt.Sprintf("must be %d hexadecimal digits, has other characters among them", 2*secretBytes)
	}
	return ""
}

// ReadSecret returns the secret, from its file if that is set; empty: there is none. The error does not contain it.
func (c Cluster) ReadSecret() (Secret, error) {
	if c.SecretFile == "" {
		return c.Secret, nil
	}
	raw, err := os.ReadFile(c.SecretFile)
	if err != nil {
		return "", fmt.Errorf("cluster.secret_file: %w", err)
	}
	secret := Secret(strings.TrimSpace(string(raw)))
	if problem := secret.problem(); problem != "" {
		return "", fmt.Errorf("cluster.secret_file: %s: %s", c.SecretFile, problem)
	}
	return secret, nil
}

// String returns a placeholder, or nothing for the empty secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return redacted
}

// GoString returns a placeholder.
func (s Secret) GoString() string { return fmt.Sprintf("config.Secret(%q)", s.String()) }

// Format prints a placeholder whatever the verb, because fmt shows the plain value for verbs that do not fit a string.
func (s Secret) Format(f fmt.State, verb rune) {
	if verb == 'v' && f.Flag('#') {
		_, _ = io.WriteString(f, s.GoString())
		return
	}
	_, _ = io.WriteString(f, s.String())
}

// MarshalText returns a placeholder; encoding/json uses it too.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalYAML returns a placeholder.
func (s Secret) MarshalYAML() (any, error) { return s.String(), nil }

// LogValue returns a placeholder.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }
