package console_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/ipfs-cluster/ipfs-cluster/state"
	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/go-cid"

	"github.com/underlay/underlay/consensus"
	"github.com/underlay/underlay/internal/pinstatus"
	"github.com/underlay/underlay/proxy/unfinished"
)

// pins is a pinset and how its peers stand with it, as a test says.
type pins struct {
	all       []api.Pin
	revisions map[api.Cid]uint64
	status    map[api.Cid]api.TrackerStatus // of the one peer; absent: pinned
	fails     error                         // of every change
	asked     []string
	scanned   int
}

// scanKey is where a query has a pin.
func scanKey(q consensus.Query, p api.Pin) []byte {
	key, _ := base64.RawURLEncoding.DecodeString(q.Behind(p))
	return key
}

// ScanPins implements console.Pins.
func (f *pins) ScanPins(_ context.Context, q consensus.Query, take func(api.Pin) error) (string, error) {
	after, err := base64.RawURLEncoding.DecodeString(q.After)
	if err != nil {
		return "", fmt.Errorf("cursor: %w", consensus.ErrInvalid)
	}
	type keyed struct {
		api.Pin
		key []byte
	}
	var sorted []keyed
	for _, p := range f.all {
		sorted = append(sorted, keyed{p, scanKey(q, p)})
	}
	slices.SortFunc(sorted, func(a, b keyed) int { return bytes.Compare(a.key, b.key) })
	if q.Backward {
		slices.Reverse(sorted)
	}
	taken, last := 0, ""
	for _, p := range sorted {
		value, ok := p.Metadata[q.MetaKey]
		order := bytes.Compare(p.key, after)
		switch {
		case !strings.HasPrefix(p.Name, q.NamePrefix), q.MetaKey != "" && (!ok || q.MetaValue != "" && value != q.MetaValue):
			continue
		case q.After != "" && (q.Backward && order >= 0 || !q.Backward && order <= 0):
			continue
		case taken == q.Limit:
			return last, nil
		}
		taken, last = taken+1, q.Behind(p.Pin)
		f.scanned++
		if err := take(p.Pin); err != nil {
			return last, err
		}
	}
	return "", nil
}

// PinRevision implements console.Pins.
func (f *pins) PinRevision(_ context.Context, c api.Cid) (api.Pin, uint64, error) {
	for _, p := range f.all {
		if p.Cid.Equals(c) {
			return p, max(f.revisions[c], 1), nil
		}
	}
	return api.Pin{}, 0, state.ErrNotFound
}

const peerID = "12D3KooWFta2AE7oiK1ioqjVAKajUJauZWfeM7R413K7ARtHRDAu"

// StatusOf implements console.Pins.
func (f *pins) StatusOf(_ context.Context, pins []api.Pin, _ api.TrackerStatus) ([]*pinstatus.Status, error) {
	var all []*pinstatus.Status
	for _, p := range pins {
		s := &pinstatus.Status{GlobalPinInfo: api.GlobalPinInfo{Cid: p.Cid, PeerMap: map[string]api.PinInfoShort{
			peerID: {PeerName: script, Status: f.at(p.Cid), Error: script, TS: time.Now()},
		}}}
		all = append(all, s)
	}
	return all, nil
}

func (f *pins) at(c api.Cid) api.TrackerStatus {
	if s, ok := f.status[c]; ok {
		return s
	}
	return api.TrackerStatusPinned
}

// SizeOf implements console.Pins.
func (*pins) SizeOf(context.Context, api.Cid) (uint64, bool) { return 5 << 20, true }

// List implements console.Unfinished.
func (f *pins) List(_ context.Context, q unfinished.Query) (l unfinished.List, err error) {
	for _, p := range f.all {
		order := 0
		if q.From.Defined() {
			order = strings.Compare(p.Cid.KeyString(), q.From.KeyString())
		}
		beyond := !q.From.Defined() || q.Backward && order < 0 || !q.Backward && order > 0
		if s, ok := f.status[p.Cid]; ok && s.Match(q.Filter) && beyond {
			l.Cids = append(l.Cids, p.Cid)
		}
	}
	slices.SortFunc(l.Cids, func(a, b api.Cid) int { return strings.Compare(a.KeyString(), b.KeyString()) })
	if q.Backward {
		slices.Reverse(l.Cids)
	}
	l.More, l.Cids = len(l.Cids) > q.Limit, l.Cids[:min(q.Limit, len(l.Cids))]
	return l, nil
}

// Recover implements console.Pins.
func (f *pins) Recover(_ context.Context, c api.Cid) (api.GlobalPinInfo, error) {
	f.asked = append(f.asked, "recover "+c.String())
	return api.GlobalPinInfo{}, f.fails
}

// RepinAt implements console.Pins.
func (f *pins) RepinAt(_ context.Context, c api.Cid, o api.PinOptions, revision uint64) (api.Pin, error) {
	if revision != max(f.revisions[c], 1) {
		return api.Pin{}, consensus.ErrConflict
	}
	f.asked = append(f.asked, fmt.Sprintf("repin %s %q %d-%d %v %s %v", c, o.Name, o.ReplicationFactorMin, o.ReplicationFactorMax,
		api.PeersToStrings(o.UserAllocations), o.ExpireAt.UTC().Format(time.DateTime), o.Metadata))
	return api.Pin{}, f.fails
}

// UnpinAt implements console.Pins.
func (f *pins) UnpinAt(_ context.Context, c api.Cid, revision uint64) error {
	if revision != max(f.revisions[c], 1) {
		return consensus.ErrConflict
	}
	f.asked = append(f.asked, "unpin "+c.String())
	return f.fails
}

// script is a name that wants to be more.
const script = `"><script src=//evil.example></script><!--`

// somePins makes pins of which every second is called even.
func somePins(n int) *pins {
	f := &pins{revisions: make(map[api.Cid]uint64), status: make(map[api.Cid]api.TrackerStatus)}
	for i := range n {
		c := api.NewCid(merkledag.NewRawNode(fmt.Appendf(nil, "pin %d", i)).Cid())
		p := api.PinWithOpts(c, api.PinOptions{
			Name: fmt.Sprintf("%s %04d", []string{"even", "odd"}[i%2], i), ReplicationFactorMin: -1, ReplicationFactorMax: -1,
			Metadata: map[string]string{"third": fmt.Sprint(i % 3)},
		})
		p.Timestamp = time.Now()
		f.all = append(f.all, p)
	}
	return f
}

var links = map[string]*regexp.Regexp{
	"earlier": regexp.MustCompile(`id="earlier" rel="prev" href="([^"]*)"`), "later": regexp.MustCompile(`id="later" rel="next" href="([^"]*)"`),
}

// walk follows links of one kind from a page, and returns the CIDs of all pages, and the address of the last.
func walk(t *testing.T, h http.Handler, from, kind string) (cids []string, last string) {
	t.Helper()
	for pages := 0; ; pages++ {
		w := get(h, from)
		if w.Code != http.StatusOK || pages > 1000 {
			t.Fatalf("page %d at %s: %d %s", pages, from, w.Code, w.Body)
		}
		var page []string
		for _, found := range regexp.MustCompile(`id="pin-(\w+)"`).FindAllStringSubmatch(w.Body.String(), -1) {
			page = append(page, found[1])
		}
		if kind == "earlier" {
			cids = append(page, cids...)
		} else {
			cids = append(cids, page...)
		}
		next := links[kind].FindStringSubmatch(w.Body.String())
		if next == nil {
			return cids, from
		}
		from = strings.ReplaceAll(next[1], "&amp;", "&")
	}
}

// Every way through the list shows every pin that is looked for once, to the end and back, in the same order.
func TestPinsArePaged(t *testing.T) {
	f := somePins(1234)
	for i := range 700 {
		f.status[f.all[i].Cid] = []api.TrackerStatus{api.TrackerStatusPinQueued, api.TrackerStatusPinError}[i%2]
	}
	c := newConsole(t, &fake{pins: f})
	for query, want := range map[string]int{
		"": 1234, "?name=even": 617, "?meta=third=1": 411, "?meta=third%3D1&name=odd": 206, "?meta=third": 1234, "?state=held": 534,
		"?state=unfinished": 700, "?state=error": 350, "?state=waiting&name=even": 350, "?state=fetching": 0, "?state=error&name=even": 0,
		"?state=error&meta=third=2": 116, "?name=nobody": 0, "?state=held&name=odd+12": 17,
	} {
		forward, last := walk(t, c, "/ui/pins"+query, "later")
		back, _ := walk(t, c, last, "earlier")
		distinct := slices.Compact(slices.Sorted(slices.Values(forward)))
		if len(forward) != want || len(distinct) != want || !slices.Equal(forward, back) {
			t.Errorf("%s: %d pins, %d of them distinct, and %d on the way back; want %d", query, len(forward), len(distinct), len(back), want)
		}
	}
}

// A page costs what it shows, not what there is; and one for which little is found leads on before it has looked at all.
func TestPagesAreBounded(t *testing.T) {
	f := somePins(6000)
	c := newConsole(t, &fake{pins: f})
	if get(c, "/ui/pins"); f.scanned > 60 {
		t.Errorf("a page has read %d pins", f.scanned)
	}
	for _, p := range f.all {
		f.status[p.Cid] = api.TrackerStatusPinError
	}
	f.scanned = 0
	w := get(c, "/ui/pins?state=held")
	if f.scanned > 4200 || links["later"].FindString(w.Body.String()) == "" {
		t.Errorf("an empty page has read %d pins, and says: %s", f.scanned, w.Body)
	}
	if cids, _ := walk(t, c, "/ui/pins?state=held", "later"); len(cids) != 0 {
		t.Errorf("%d pins are held", len(cids))
	}
	if get(c, "/ui/pins?state=error"); f.scanned > 20000 {
		t.Errorf("the pins in error were looked for among all")
	}
}

// Whoever has a CID in any form finds its pin.
func TestFindByCID(t *testing.T) {
	f := somePins(2)
	node, err := merkledag.NewRawNode([]byte("x")).Cid().Prefix().Sum([]byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	v0 := cid.NewCidV0(node.Hash())
	f.all = append(f.all, api.PinCid(api.NewCid(v0)))
	raw := f.all[0].Cid.String()
	c := newConsole(t, &fake{pins: f})
	v1 := cid.NewCidV1(cid.DagProtobuf, node.Hash())
	base58, err := f.all[0].Cid.StringOfBase('z')
	if err != nil {
		t.Fatal(err)
	}
	for text, found := range map[string]string{
		raw: raw, base58: raw, " " + raw + "\n": raw, "/ipfs/" + raw: raw, "/ipfs/" + raw + "/a/b": raw, "ipfs://" + raw + "/x": raw,
		"https://gateway.example/ipfs/" + raw + "?x=1": raw, "http://" + raw + ".ipfs.gateway.example/a": raw,
		v0.String(): v0.String(), v1.String(): v0.String(),
	} {
		w := get(c, "/ui/pins?cid="+url.QueryEscape(text))
		if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/ui/pins/"+found {
			t.Errorf("%q: %d %q, want %s", text, w.Code, w.Header().Get("Location"), found)
		}
	}
	other := merkledag.NewRawNode([]byte("not pinned")).Cid().String()
	for query, status := range map[string]int{
		"cid=nonsense": 400, "cid=" + url.QueryEscape(script): 400, "cid=/ipns/example.com": 400, "cid=" + other: 404, "after=%3F": 400, "before=%3F": 400,
		"state=error&after=%3F": 400, "state=nonsense": 400, "meta=%3Dvalue": 400,
	} {
		w := get(c, "/ui/pins?"+query)
		if w.Code != status || !strings.Contains(w.Body.String(), `role="alert"><span class="state bad">`) || strings.Contains(w.Body.String(), "<script src=//") {
			t.Errorf("%s: %d %s", query, w.Code, w.Body)
		}
	}
	for path, status := range map[string]int{"/ui/pins/nonsense": 400, "/ui/pins/" + other: 404, "/ui/pins/" + other + "/unpin": 404} {
		if w := get(c, path); w.Code != status {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

// postForm sends a form.
func postForm(h http.Handler, path string, form url.Values) *httptest.ResponseRecorder {
	return post(h, path, "application/x-www-form-urlencoded", strings.NewReader(form.Encode()))
}
