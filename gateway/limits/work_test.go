package limits

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// stuck waits for content that never comes, as the content handler does, and says that it has begun.
func stuck(entered chan<- struct{}) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		entered <- struct{}{}
		<-r.Context().Done()
		w.Header().Set("Etag", "of-the-content")
		http.Error(w, r.Context().Err().Error(), http.StatusInternalServerError)
	})
}

// ask sends a request to a server and returns its answer with the body, or how it broke off.
func ask(t testing.TB, url string) (*http.Response, string, error) {
	t.Helper()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	res, err := (&http.Client{Transport: transport}).Get(url)
	if err != nil {
		return nil, "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return res, string(body), err
}

func TestContentThatDoesNotCome(t *testing.T) {
	entered := make(chan struct{}, 1)
	s := httptest.NewServer(Work(WorkOptions{Retrieval: 50 * time.Millisecond}, stuck(entered)))
	defer s.Close()
	res, body, err := ask(t, s.URL)
	if err != nil || res.StatusCode != 504 || !strings.Contains(body, "50ms") || !strings.Contains(body, "provider") {
		t.Errorf("%v, %v %q", err, res, body)
	}
	if res.Header.Get("Cache-Control") != "no-store" || res.Header.Get("Etag") != "" {
		t.Errorf("headers of content: %v", res.Header)
	}
}

func TestContentThatStops(t *testing.T) {
	s := httptest.NewServer(Work(WorkOptions{Retrieval: 50 * time.Millisecond}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "begun")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		_, _ = io.WriteString(w, "an error that looks like content")
	})))
	defer s.Close()
	if res, body, err := ask(t, s.URL); err == nil || body != "begun" {
		t.Errorf("looks complete: %v %q", res, body)
	}
}

// What the retrieval timeout counts is the wait for content and not for the reader.
func TestReaderMayTakeItsTime(t *testing.T) {
	w := &slowWriter{ResponseWriter: httptest.NewRecorder(), delay: 100 * time.Millisecond}
	var failed error
	Work(WorkOptions{Retrieval: 60 * time.Millisecond}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for range 3 {
			_, err := io.WriteString(w, "content")
			failed = errors.Join(failed, err)
		}
	})).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if failed != nil {
		t.Error(failed)
	}
}

func TestAnswerThatTakesTooLong(t *testing.T) {
	s := httptest.NewServer(Work(WorkOptions{Duration: 100 * time.Millisecond}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			_, _ = io.WriteString(w, "content")
			_ = http.NewResponseController(w).Flush()
		}
	})))
	defer s.Close()
	if res, _, err := ask(t, s.URL); err == nil {
		t.Errorf("looks complete: %v", res)
	}
}

func TestAnswerThatIsTooLong(t *testing.T) {
	s := httptest.NewServer(Work(WorkOptions{MaxBytes: 10}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, part := range strings.Split(r.URL.Path[1:], "-") {
			if _, err := io.WriteString(w, part); err != nil {
				return
			}
			_ = http.NewResponseController(w).Flush()
		}
	})))
	defer s.Close()
	if _, body, err := ask(t, s.URL+"/01234-56789"); err != nil || body != "0123456789" {
		t.Errorf("as long as allowed: %q, %v", body, err)
	}
	if res, _, err := ask(t, s.URL+"/01234-56789-x"); err == nil {
		t.Errorf("longer, looks complete: %v", res)
	}
	if res, _, err := ask(t, s.URL+"/0123456789x"); err != nil || res.StatusCode != 410 {
		t.Errorf("too long from the start: %v %v", res, err)
	}
}

func places(n int) WorkOptions { return WorkOptions{Concurrent: n, Refuse: Plain} }

func TestRequestsWithoutProgressGiveWay(t *testing.T) {
	entered := make(chan struct{}, 1)
	waits := stuck(entered)
	h := newWork(places(2), 0, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/here" {
			_, _ = io.WriteString(w, "here")
			return
		}
		waits.ServeHTTP(w, r)
	}))
	s := httptest.NewServer(h)
	defer s.Close()
	first := make(chan *http.Response, 3)
	for range 2 {
		go func() { res, _, _ := ask(t, s.URL+"/nowhere"); first <- res }()
		<-entered
	}
	if res, body, err := ask(t, s.URL+"/here"); err != nil || body != "here" {
		t.Errorf("while all places are taken: %v %q %v", res, body, err)
	}
	if res := <-first; res == nil || res.StatusCode != 503 || res.Header.Get("Retry-After") == "" {
		t.Errorf("who gave way: %v", res)
	}
	s.CloseClientConnections()
}

// A client with few requests is served at once while others hold all places, however new their requests are.
func TestPlacesAreShared(t *testing.T) {
	ended := make(map[*slot]error)
	places := &slots{most: 10, patience: time.Hour}
	now := time.Now()
	take := func(client string, age time.Duration) *slot {
		var one *slot
		one = places.take(netip.MustParseAddr(client), func(err error) { ended[one] = err }, errors.New("gives way"))
		if one != nil {
			one.progress.Store(now.Add(-age).UnixNano())
		}
		return one
	}
	var greedy []*slot
	for i := range 7 {
		greedy = append(greedy, take("192.0.2.1", time.Duration(i+10)*time.Minute))
	}
	for range 3 {
		take("192.0.2.2", 50*time.Minute)
	}
	if take("192.0.2.1", 0) != nil {
		t.Error("who holds the most gets another place")
	}
	first := take("192.0.2.3", 0)
	if first == nil || len(ended) != 1 || ended[greedy[6]] == nil {
		t.Fatalf("a new client gets %v, %d give way", first, len(ended))
	}
	for range 2 {
		if take("192.0.2.3", 0) == nil {
			t.Error("a client does not get its share")
		}
	}
	if len(ended) != 3 || places.taken.Len() != 10 || places.leaving != 3 {
		t.Errorf("%d have given way, %d places are taken, %d leave", len(ended), places.taken.Len(), places.leaving)
	}
	for one := range ended {
		places.give(one)
	}
	places.give(first)
	if places.leaving != 0 || places.taken.Len() != 9 || places.held[first.client] != 2 {
		t.Errorf("%d leave, %d are taken, %d by one client", places.leaving, places.taken.Len(), places.held[first.client])
	}
}

// A response that nobody reads holds a place only until somebody else wants it.
func TestReaderWithoutProgressGivesWay(t *testing.T) {
	ended := make(chan error, 1)
	writes := streams(ended)
	h := newWork(places(1), 0, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/here" {
			_, _ = io.WriteString(w, "here")
			return
		}
		writes.ServeHTTP(w, r)
	}))
	s := httptest.NewServer(h)
	defer s.Close()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	unread, err := (&http.Client{Transport: transport}).Get(s.URL + "/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer unread.Body.Close()
	if res, body, err := ask(t, s.URL+"/here"); err != nil || body != "here" {
		t.Errorf("%v %q %v", res, body, err)
	}
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Error("the response that nobody reads goes on")
	}
}

func TestAllPlacesTaken(t *testing.T) {
	before := goleak.IgnoreCurrent()
	entered := make(chan struct{}, 1)
	s := httptest.NewServer(newWork(places(1), time.Hour, stuck(entered)))
	gone := make(chan error, 1)
	transport := &http.Transport{}
	go func() {
		res, err := (&http.Client{Transport: transport}).Get(s.URL)
		if err == nil {
			err = res.Body.Close()
		}
		gone <- err
	}()
	<-entered
	if res, _, err := ask(t, s.URL); err != nil || res.StatusCode != 429 || res.Header.Get("Retry-After") == "" {
		t.Errorf("%v %v", res, err)
	}
	s.CloseClientConnections()
	<-gone
	s.Close()
	transport.CloseIdleConnections()
	goleak.VerifyNone(t, before)
}

func BenchmarkLayers(b *testing.B) {
	o := roomy()
	o.Rate, o.Burst, o.Concurrent, o.LeastPace, o.Grace = 1e9, 1e9, 64, 4096, 30*time.Second
	body := make([]byte, 4096)
	bare := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write(body) })
	for name, h := range map[string]http.Handler{
		"bare":    bare,
		"clients": Clients(o, bare),
		"both":    Clients(o, Work(WorkOptions{Concurrent: 1024, Retrieval: 30 * time.Second, Duration: time.Hour}, bare)),
	} {
		b.Run(name, func(b *testing.B) {
			r := httptest.NewRequest("GET", "/ipfs/x", nil)
			r.Header.Set("From", "192.0.2.1")
			w := &sink{header: make(http.Header)}
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(w, r)
			}
		})
	}
}

// sink is a response that costs nothing.
type sink struct{ header http.Header }

func (s *sink) Header() http.Header              { return s.header }
func (s *sink) Write(b []byte) (int, error)      { return len(b), nil }
func (s *sink) WriteHeader(int)                  {}
func (s *sink) SetWriteDeadline(time.Time) error { return nil }
func (s *sink) SetReadDeadline(time.Time) error  { return nil }
