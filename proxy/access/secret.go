package access

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/bcrypt"
)

const (
	// tokenPrefix makes our tokens recognisable, for people and for whoever searches files for secrets.
	tokenPrefix = "ul_"
	// tokenBytes is how much of a token is random.
	tokenBytes = 32
	// idBytes is how much of a token's hash is its ID.
	idBytes = 8
	// passwordCost makes one try of a password take about 0.1 s.
	passwordCost = 11
	// minPassword and maxPassword bound passwords, in bytes; bcrypt ignores what is longer.
	minPassword, maxPassword = 12, 72
)

// newToken makes a token. It is to be shown once and forgotten.
func newToken() string {
	random := make([]byte, tokenBytes)
	_, _ = rand.Read(random) // never fails: it ends the process instead
	return tokenPrefix + hex.EncodeToString(random)
}

// looksLikeToken tells whether a secret has a token's form.
func looksLikeToken(secret string) bool {
	return len(secret) == len(tokenPrefix)+2*tokenBytes && strings.HasPrefix(secret, tokenPrefix)
}

// hashSecret is all that is kept of a secret that nobody can guess.
func hashSecret(secret string) []byte {
	hash := sha256.Sum256([]byte(secret))
	return hash[:]
}

// idOf names the token with a hash.
func idOf(hash []byte) string { return hex.EncodeToString(hash[:idBytes]) }

// hashPassword is what is kept of a password.
func hashPassword(password string) ([]byte, error) {
	switch {
	case len(password) < minPassword || len(password) > maxPassword:
		return nil, fmt.Errorf("password: must have %d to %d bytes", minPassword, maxPassword)
	case strings.HasPrefix(password, tokenPrefix):
		return nil, fmt.Errorf("password: must not begin as tokens do, with %s", tokenPrefix)
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(password), passwordCost)
	if err != nil {
		return nil, errors.New("password: cannot be hashed")
	}
	return hash, nil
}
