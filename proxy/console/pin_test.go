package console_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/ipfs-cluster/ipfs-cluster/api"

	"github.com/underlay/underlay/consensus"
	"github.com/underlay/underlay/proxy/overview"
)

// Whatever clients call their pins, and say of them, is text.
func TestPinsAreShownAsText(t *testing.T) {
	f := somePins(1)
	f.all[0].Name, f.all[0].Metadata = script, map[string]string{script: script, "third": "0"}
	f.status[f.all[0].Cid] = api.TrackerStatusPinError
	c := newConsole(t, &fake{pins: f})
	path := "/ui/pins/" + f.all[0].Cid.String()
	for path, times := range map[string]int{
		"/ui/pins": 1, path: 5, path + "/unpin": 1, "/ui/pins?name=" + url.QueryEscape(script) + "&meta=" + url.QueryEscape(script): 1,
	} {
		w := get(c, path)
		page := w.Body.String()
		if w.Code != http.StatusOK || strings.Contains(page, "<script src=//") || strings.Contains(page, "<!--") {
			t.Errorf("%s: %d, a name has become markup:\n%s", path, w.Code, page)
		}
		if n := strings.Count(page, "&lt;script src=//evil.example&gt;"); n < times {
			t.Errorf("%s shows it %d times, want %d:\n%s", path, n, times, page)
		}
	}
}

// A form changes what it has and nothing else of a pin; then the browser is at the pin's page, which says so.
func TestPinIsChanged(t *testing.T) {
	f := somePins(1)
	c := newConsole(t, &fake{pins: f})
	id := f.all[0].Cid.String()
	path := "/ui/pins/" + id
	for what, sent := range map[string]struct {
		form        url.Values
		to, at, did string
	}{
		"change": {
			url.Values{"revision": {"1"}, "name": {"new & old"}, "min": {"1"}, "max": {"2"}, "peer": {peerID}, "expires": {"2099-01-31T12:00"}},
			path, path + "?done=changed", "repin " + id + ` "new & old" 1-2 [` + peerID + "] 2099-01-31 12:00:00 map[third:0]",
		},
		"recover": {nil, path + "/recover", path + "?done=recovered", "recover " + id},
		"unpin":   {url.Values{"revision": {"1"}}, path + "/unpin", "/ui/pins?done=unpinned", "unpin " + id},
	} {
		f.asked = nil
		w := postForm(c, sent.to, sent.form)
		if w.Code != http.StatusSeeOther || w.Header().Get("Location") != sent.at || strings.Join(f.asked, "; ") != sent.did {
			t.Errorf("%s: %d to %q, and did %q, want %q", what, w.Code, w.Header().Get("Location"), f.asked, sent.did)
		}
		if page := get(c, sent.at).Body.String(); !strings.Contains(page, `class="notice fine" role="status"`) {
			t.Errorf("%s: the page does not say that it was done:\n%s", what, page)
		}
	}
}

// What cannot be done is said beside the form, in which stands what was typed, and nothing is changed.
func TestPinIsNotChanged(t *testing.T) {
	f := somePins(1)
	c := newConsole(t, &fake{pins: f})
	id := f.all[0].Cid
	path := "/ui/pins/" + id.String()
	form := func(name, value string) url.Values {
		v := url.Values{"revision": {"1"}, "name": {"typed"}, "min": {"1"}, "max": {"2"}, "expires": {""}}
		v.Set(name, value)
		return v
	}
	for what, sent := range map[string]struct {
		form   url.Values
		fails  error
		status int
		says   string
	}{
		"replication":           {form("min", "3"), nil, 400, "replication-min 3 is larger than replication-max 2"},
		"no number":             {form("max", "many"), nil, 400, "invalid"},
		"a time in the past":    {form("expires", "2001-01-31T12:00"), nil, 400, "is in the past"},
		"no time":               {form("expires", "soon"), nil, 400, "is no time such as"},
		"no peer":               {form("peer", "nobody"), nil, 400, "peer ID"},
		"a name that is long":   {form("name", strings.Repeat("typed", 1000)), nil, 400, "at most 4096"},
		"changed meanwhile":     {form("revision", "7"), nil, 409, "Somebody else has changed this pin"},
		"no leader":             {form("name", "typed"), consensus.ErrNoLeader, 503, "Nothing was changed: "},
		"the form says nothing": {form("revision", ""), nil, 400, "is no revision"},
	} {
		f.fails, f.asked = sent.fails, nil
		w := postForm(c, path, sent.form)
		page := w.Body.String()
		if w.Code != sent.status || !strings.Contains(page, sent.says) || sent.fails == nil && len(f.asked) > 0 {
			t.Errorf("%s: %d %s, did %q", what, w.Code, page, f.asked)
		}
		if what != "the form says nothing" && !strings.Contains(page, `name="name" value="typed`) {
			t.Errorf("%s: what was typed is gone:\n%s", what, page)
		}
	}
	f.fails, f.asked, f.revisions[id] = nil, nil, 2
	if w := postForm(c, path+"/unpin", url.Values{"revision": {"1"}}); w.Code != http.StatusConflict || len(f.asked) > 0 || !strings.Contains(w.Body.String(), `name="revision" value="2"`) {
		t.Errorf("unpin of a pin that was changed: %d %s", w.Code, w.Body)
	}
	f.fails = consensus.ErrNoLeader
	if w := postForm(c, path+"/recover", nil); w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "Nothing was changed: ") {
		t.Errorf("recovery without a leader: %d %s", w.Code, w.Body)
	}
	r := httptest.NewRequest(http.MethodPost, path+"/unpin", strings.NewReader("revision=2"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	w := httptest.NewRecorder()
	if c.ServeHTTP(w, r); w.Code != http.StatusForbidden {
		t.Errorf("unpin for another site: %d", w.Code)
	}
}

// Without a leader the pages show what this peer knows, and say so.
func TestPinsWithoutLeader(t *testing.T) {
	f := somePins(1)
	led := newConsole(t, &fake{pins: f, overview: overview.Overview{Leader: "x"}})
	c := newConsole(t, &fake{pins: f})
	for _, path := range []string{"/ui/pins", "/ui/pins/" + f.all[0].Cid.String()} {
		if page := get(c, path).Body.String(); !strings.Contains(page, "There is no leader.") {
			t.Errorf("%s does not say that it may be old", path)
		}
		if page := get(led, path).Body.String(); strings.Contains(page, "There is no leader.") {
			t.Errorf("%s says that there is no leader", path)
		}
	}
}
