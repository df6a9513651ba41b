package access

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"runtime"
	"sync"
	"time"

	"golang.org/x/crypto/bcrypt"
	"golang.org/x/sync/singleflight"
)

const (
	// rememberFor is how long a password that was right is not checked again.
	rememberFor = 5 * time.Minute
	// unknownHash is compared with when there is no such user, so that it takes as long. Nobody knows its password.
	unknownHash = "$2a$11$HdvXNe7stP/F3.iVYG3wCOg7nmQ5FrwAWs6CQ6k/DuVIhWkfkAZAi"
	// rememberMost bounds how many are remembered.
	rememberMost = 1024
)

// passwords checks passwords, which is meant to be slow, and remembers those that were right, which makes it fast. What it
// remembers tells nothing about them without a key that no other process has.
type passwords struct {
	key    []byte
	checks singleflight.Group
	slots  chan struct{} // bounds the CPUs that are busy with it

	mu   sync.Mutex
	good map[string]time.Time
}

func newPasswords() *passwords {
	p := &passwords{key: make([]byte, 32), slots: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2)), good: make(map[string]time.Time)}
	_, _ = rand.Read(p.key) // never fails: it ends the process instead
	return p
}

// mark is what is remembered of a password and the hash that it belongs to: with another hash it is not right any more.
func (p *passwords) mark(user string, hash []byte, password string) string {
	mac := hmac.New(sha256.New, p.key)
	for _, part := range []string{user, string(hash), password} {
		sum := sha256.Sum256([]byte(part)) // of one length, so that no two lists of parts are alike
		mac.Write(sum[:])
	}
	return string(mac.Sum(nil))
}

// remembered tells whether a mark is of a password that was right a short while ago.
func (p *passwords) remembered(mark string, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	at, ok := p.good[mark]
	return ok && now.Sub(at) < rememberFor
}

// verdict is what a check of a password has found.
type verdict int

const (
	wrong verdict = iota
	right
	unchecked // there were too many before
)

// verify compares a password with a hash, nil if there is no such user. Calls with the same mark share one comparison;
// may is asked once before it, and nothing is compared if it says no.
func (p *passwords) verify(mark string, hash []byte, password string, may func() bool) verdict {
	found, _, _ := p.checks.Do(mark, func() (any, error) {
		if !may() {
			return unchecked, nil
		}
		p.slots <- struct{}{}
		defer func() { <-p.slots }()
		known := hash != nil && len(password) <= maxPassword // of a longer one bcrypt sees only the beginning
		if !known {
			hash = []byte(unknownHash)
		}
		if bcrypt.CompareHashAndPassword(hash, []byte(password)) != nil || !known {
			return wrong, nil
		}
		p.remember(mark)
		return right, nil
	})
	return found.(verdict)
}

func (p *passwords) remember(mark string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.good) >= rememberMost {
		clear(p.good)
	}
	p.good[mark] = time.Now()
}
