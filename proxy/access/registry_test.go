package access

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A token that is made through one peer is known to all at once, and refused by all as soon as its revocation through
// another is acknowledged. None of the checks asks anybody.
func TestRevocationHoldsEverywhere(t *testing.T) {
	rigs := newRigs(t, 3, nil)
	_, admin := rigs[0].token("", `"admin"`)
	id, token := rigs[0].token(admin, `"read"`)
	for _, r := range rigs {
		r.want(passed, "GET", "/id", token, "")
	}
	asked := rigs[2].values.Barriers.Load()
	began := time.Now()
	rigs[1].want(http.StatusNoContent, "DELETE", "/access/tokens/"+id, admin, "")
	if took := time.Since(began); took > trust/2 {
		t.Errorf("with all peers there a revocation takes %s", took)
	}
	for _, r := range rigs {
		r.want(http.StatusUnauthorized, "GET", "/id", token, "")
	}
	if now := rigs[2].values.Barriers.Load(); now != asked {
		t.Errorf("the third peer has asked %d times what it was told", now-asked)
	}
}

// A revocation is acknowledged although a peer is cut off, and then even that peer refuses: it can tell no more.
func TestRevocationHoldsOnAPeerThatIsCutOff(t *testing.T) {
	rigs := newRigs(t, 3, nil)
	_, admin := rigs[0].token("", `"admin"`)
	id, token := rigs[0].token(admin, `"read"`)
	away := rigs[2]
	away.want(passed, "GET", "/id", token, "")
	away.values.Cut(true)
	away.want(passed, "GET", "/id", token, "") // it was sure a moment ago
	began := time.Now()
	rigs[0].want(http.StatusNoContent, "DELETE", "/access/tokens/"+id, admin, "")
	if took := time.Since(began); took < trust {
		t.Errorf("a revocation that a peer did not confirm is acknowledged after %s, while that peer may trust what it knew for %s", took, trust)
	}
	w := away.ask("GET", "/id", token, "")
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		t.Errorf("cut off: %d %s", w.Code, w.Body)
	}
	away.values.Cut(false)
	away.want(http.StatusUnauthorized, "GET", "/id", token, "")
	away.want(passed, "GET", "/id", admin, "")
}

// A revocation that was not answered can be repeated: what is told then holds everywhere too.
func TestARepeatedRevocationWaitsForEverybody(t *testing.T) {
	rigs := newRigs(t, 2, nil)
	_, admin := rigs[0].token("", `"admin"`)
	id, _ := rigs[0].token(admin, `"read"`)
	rigs[0].want(http.StatusNoContent, "DELETE", "/access/tokens/"+id, admin, "")
	rigs[1].values.Cut(true)
	began := time.Now()
	rigs[0].want(http.StatusNotFound, "DELETE", "/access/tokens/"+id, admin, "")
	if took := time.Since(began); took < trust {
		t.Errorf("it is answered after %s", took)
	}
}

// While requests come, a peer asks again before they must wait for it, and one request after a pause asks once.
func TestTrustIsRenewedInTheBackground(t *testing.T) {
	r := newRigs(t, 1, nil)[0]
	_, admin := r.token("", `"admin"`)
	var shift atomic.Int64
	r.registry.now = func() time.Time { return time.Now().Add(time.Duration(shift.Load())) }
	r.want(passed, "GET", "/id", admin, "")
	asked := r.values.Barriers.Load()
	shift.Add(int64(trust * 3 / 4))
	r.want(passed, "GET", "/id", admin, "")
	deadline := time.After(10 * time.Second)
	for tick := time.NewTicker(time.Millisecond); r.values.Barriers.Load() == asked; {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("nobody asks again")
		}
	}
	shift.Add(int64(trust * 2))
	asked = r.values.Barriers.Load()
	r.want(passed, "GET", "/id", admin, "")
	if now := r.values.Barriers.Load(); now == asked {
		t.Error("a request is let in by what was known long ago")
	}
}

func TestWithin(t *testing.T) {
	now := time.Now()
	for name, c := range map[string]struct {
		since time.Time
		want  bool
	}{
		"never":                       {time.Time{}, false},
		"now":                         {now, true},
		"a second ago":                {now.Add(-time.Second), true},
		"too long ago":                {now.Add(-trust), false},
		"the clock on the wall alone": {now.Add(-trust).Round(0), false},
		"the clock was set back":      {now.Add(time.Hour).Round(0), false},
	} {
		if got := within(c.since, now, trust); got != c.want {
			t.Errorf("%s: %t, want %t", name, got, c.want)
		}
	}
}

// Of changes that exclude each other one takes effect, through whichever peers they are asked for.
func TestChangesExcludeEachOther(t *testing.T) {
	rigs := newRigs(t, 2, nil)
	a, admin := rigs[0].token("", `"admin"`)
	b, other := rigs[0].token(admin, `"admin"`)
	both := func(f func(n int) int) map[int]int {
		var mu sync.Mutex
		var running sync.WaitGroup
		counts := make(map[int]int)
		for n := range 2 {
			running.Go(func() {
				status := f(n)
				mu.Lock()
				defer mu.Unlock()
				counts[status]++
			})
		}
		running.Wait()
		return counts
	}
	made := both(func(n int) int {
		return rigs[n].ask("POST", "/access/users", admin, `{"name": "alice", "password": "correct horse", "scopes": ["read"]}`).Code
	})
	if made[http.StatusCreated] != 1 || made[http.StatusConflict] != 1 {
		t.Errorf("one user twice: %v", made)
	}
	gone := both(func(n int) int {
		return rigs[n].ask("DELETE", "/access/tokens/"+[]string{a, b}[n], []string{other, admin}[n], "").Code
	})
	if gone[http.StatusNoContent] != 1 || gone[http.StatusConflict]+gone[http.StatusUnauthorized] != 1 {
		t.Errorf("the last two who may administer, each by the other: %v", gone)
	}
}

// A credential that this build cannot read lets nobody in, and does not open the API.
func TestUnreadableCredentials(t *testing.T) {
	r := newRigs(t, 1, nil)[0]
	for place, data := range map[string]string{tokenPlace + "a": "{", tokenPlace + "b": `{"version": 2}`} {
		c := &credential{place: place}
		op, err := c.value()
		if err != nil {
			t.Fatal(err)
		}
		op.Value.Data = []byte(data)
		if _, err := r.values.CommitAtomic(t.Context(), op); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.registry.ask(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.want(http.StatusUnauthorized, "GET", "/id", "", "")
	if log := r.log.String(); !strings.Contains(log, tokenPlace+"a") || !strings.Contains(log, "version 2") {
		t.Errorf("the log does not name them: %s", log)
	}
}
