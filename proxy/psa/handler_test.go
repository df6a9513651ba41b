package psa

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/ipfs-cluster/ipfs-cluster/api"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/underlay/underlay/consensus"
	"github.com/underlay/underlay/internal/pinstatus"
)

const inline = "bafkqabtjnzwgs3tf"

// A request comes back as it was made, and says where to send the content.
func TestRequestComesBack(t *testing.T) {
	r := newRig(t)
	const origin = "/ip4/192.0.2.9/tcp/4001/p2p/12D3KooWBdmLJjhpgJ9KZgLM3f894ff9xyBfPvPjFNn7MKJpyrC2"
	body := fmt.Sprintf(`{"cid":%q,"name":"a <name> ü","origins":[%q,%q],"meta":{"k":"v","":"empty"},"unknown":1}`, inline, origin, origin)
	made := want[PinStatus](t, r.ask("POST", "/pins", body), http.StatusAccepted)
	for _, got := range []PinStatus{
		made, want[PinStatus](t, r.ask("GET", "/pins/"+made.RequestID, ""), http.StatusOK), r.list("name=a <name> ü").Results[0],
	} {
		p := got.Pin
		if got.RequestID != made.RequestID || got.Created != made.Created || p.Cid.String() != inline || p.Name != "a <name> ü" ||
			len(p.Origins) != 1 || p.Origins[0].String() != origin || !maps.Equal(p.Meta, map[string]string{"k": "v", "": "empty"}) {
			t.Errorf("got %+v", got)
		}
		if len(got.Delegates) != 1 || !strings.HasPrefix(got.Delegates[0].String(), "/ip4/192.0.2.1/tcp/4001/p2p/") {
			t.Errorf("delegates %v", got.Delegates)
		}
	}
	pin := r.pinned(made.Pin.Cid)
	if pin.Name != "a <name> ü" || pin.Metadata["k"] != "v" || len(pin.Origins) != 1 {
		t.Errorf("the pin is %v", pin)
	}
}

// What is wrong with a body is refused, the answer names the field, and nothing changes.
func TestBadBodies(t *testing.T) {
	r := newRig(t)
	kept := r.post(cidOf(t, 1), "kept")
	before := r.stored()
	cid := fmt.Sprintf(`"cid":%q,`, inline)
	many := make([]string, maxMeta+1)
	for i := range many {
		many[i] = fmt.Sprintf(`"%d":""`, i)
	}
	for body, c := range map[string]struct {
		status int
		field  string
	}{
		``: {400, "body"}, `{`: {400, "body"}, `[]`: {400, "body"}, `"x"`: {400, "body"}, `null`: {400, "cid"}, `{}`: {400, "cid"},
		`{"cid":null}`: {400, "cid"}, `{"cid":1}`: {400, "cid"}, `{"cid":""}`: {400, "cid"}, `{"cid":"nonsense"}`: {400, "cid"},
		`{"cid":"` + inline + `/a"}`:                                           {400, "cid"},
		`{` + cid + `"name":1}`:                                                {400, "name"},
		`{` + cid + `"name":"` + strings.Repeat("ü", 256) + `"}`:               {400, "name"},
		`{` + cid + `"origins":"x"}`:                                           {400, "origins"},
		`{` + cid + `"origins":["/ip4/192.0.2.1/tcp/1"]}`:                      {400, "origins[0]"},
		`{` + cid + `"origins":["x"]}`:                                         {400, "origins[0]"},
		`{` + cid + `"meta":[]}`:                                               {400, "meta"},
		`{` + cid + `"meta":{"k":1}}`:                                          {400, "meta"},
		`{` + cid + `"meta":{"k":null}}`:                                       {400, "meta"},
		`{` + cid + `"meta":{` + strings.Join(many, ",") + `}}`:                {400, "meta"},
		`{` + cid + `"meta":{}} {}`:                                            {400, "body"},
		`{` + cid + `"meta":{"k":"` + strings.Repeat("x", maxBody) + `"}}`:     {413, "body"},
		`{` + cid + `"meta":{"k":"` + strings.Repeat("\u2028", 12<<10) + `"}}`: {413, "request"},
	} {
		for _, path := range []string{"/pins", "/pins/" + kept.RequestID} {
			f := want[Failure](t, r.ask("POST", path, body), c.status)
			reason := map[int]string{400: "BAD_REQUEST", 413: "REQUEST_ENTITY_TOO_LARGE"}[c.status]
			if f.Error.Reason != reason || !strings.Contains(f.Error.Details, c.field) {
				t.Errorf("%.80s: %+v, want %s", body, f, c.field)
			}
		}
	}
	if after := r.stored(); !maps.Equal(before, after) {
		t.Errorf("bad requests changed something: %q", after)
	}
}

// More origins than the specification allows are taken as far as it does, for clients list all addresses of their node.
func TestManyOrigins(t *testing.T) {
	r := newRig(t)
	var origins []string
	for n := range 30 {
		origins = append(origins, fmt.Sprintf(`"/ip4/192.0.2.%d/tcp/1/p2p/%s"`, n, r.cluster.id))
	}
	body := fmt.Sprintf(`{"cid":%q,"origins":[%s]}`, inline, strings.Join(origins, ","))
	if made := want[PinStatus](t, r.ask("POST", "/pins", body), http.StatusAccepted); len(made.Pin.Origins) != maxOrigins {
		t.Errorf("%d origins", len(made.Pin.Origins))
	}
}

// Everything that is no success has the API's own form.
func TestFailures(t *testing.T) {
	r := newRig(t)
	const absent = "000661318c28d37a6c99df4c33f87e40"
	for request, c := range map[string]struct {
		status int
		reason string
		header string
	}{
		"GET /":                  {404, "NOT_FOUND", ""},
		"GET /nothing":           {404, "NOT_FOUND", ""},
		"GET /pins/a/b":          {404, "NOT_FOUND", ""},
		"GET /pins/" + absent:    {404, "NOT_FOUND", ""},
		"GET /pins/" + inline:    {404, "NOT_FOUND", ""},
		"DELETE /pins/" + absent: {404, "NOT_FOUND", ""},
		"DELETE /pins/x":         {404, "NOT_FOUND", ""},
		"POST /pins/x":           {404, "NOT_FOUND", ""},
		"PUT /pins":              {405, "METHOD_NOT_ALLOWED", "GET, POST"},
		"DELETE /pins":           {405, "METHOD_NOT_ALLOWED", "GET, POST"},
		"PATCH /pins/" + absent:  {405, "METHOD_NOT_ALLOWED", "GET, POST, DELETE"},
		"GET /pins?limit=x":      {400, "BAD_REQUEST", ""},
	} {
		method, path, _ := strings.Cut(request, " ")
		a := r.ask(method, path, "")
		f := want[Failure](t, a, c.status)
		if f.Error.Reason != c.reason || f.Error.Details == "" || a.header.Get("Allow") != c.header || a.header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %+v, %v", request, f, a.header)
		}
	}
	w := httptest.NewRecorder()
	Fail(w, http.StatusUnauthorized, "the token is missing")
	f := want[Failure](t, answer{w.Code, w.Header(), w.Body.String()}, http.StatusUnauthorized)
	if f.Error != (FailureError{"UNAUTHORIZED", "the token is missing"}) || w.Header().Get("WWW-Authenticate") != "Bearer" {
		t.Errorf("%+v, %v", f, w.Header())
	}
}

// leaderless is a state without a leader.
type leaderless struct{ State }

func (leaderless) Pins(ctx context.Context) (consensus.Pins, error) {
	return nil, fmt.Errorf("read pinset: %w", consensus.ErrNoLeader)
}

func (leaderless) Transact(context.Context, func(context.Context) ([]consensus.Op, error)) (consensus.Commit, error) {
	return consensus.Commit{}, consensus.ErrNoLeader
}

// Without a leader clients are told to come back.
func TestWithoutLeader(t *testing.T) {
	r := newRig(t)
	made := r.post(cidOf(t, 1), "")
	r.handler = New(Options{State: leaderless{r.Consensus}, Cluster: r.cluster}).Handler()
	for request, body := range map[string]string{
		"GET /pins": "", "POST /pins": fmt.Sprintf(`{"cid":%q}`, inline), "GET /pins/" + made.RequestID: "",
		"DELETE /pins/" + made.RequestID: "", "POST /pins/" + made.RequestID: fmt.Sprintf(`{"cid":%q}`, inline),
	} {
		method, path, _ := strings.Cut(request, " ")
		a := r.ask(method, path, body)
		if f := want[Failure](t, a, 503); f.Error.Reason != "SERVICE_UNAVAILABLE" || a.header.Get("Retry-After") != "1" {
			t.Errorf("%s: %+v, %v", request, f, a.header)
		}
	}
}

// Pages of other sites may read, and change nothing.
func TestOtherSites(t *testing.T) {
	r := newRig(t)
	made := r.post(cidOf(t, 1), "")
	foreign := []string{"Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"}
	if a := r.ask("GET", "/pins?"+every, "", foreign...); a.code != http.StatusOK || a.header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("read: %d, %v", a.code, a.header)
	}
	for _, request := range []string{"POST /pins", "POST /pins/" + made.RequestID, "DELETE /pins/" + made.RequestID} {
		method, path, _ := strings.Cut(request, " ")
		f := want[Failure](t, r.ask(method, path, fmt.Sprintf(`{"cid":%q}`, inline), foreign...), http.StatusForbidden)
		if f.Error.Reason != "FORBIDDEN" {
			t.Errorf("%s: %+v", request, f)
		}
	}
	if l := r.list(every); l.Count != 1 || l.Results[0].RequestID != made.RequestID {
		t.Errorf("changed: %+v", l)
	}
}

func TestJudge(t *testing.T) {
	in := func(statuses ...api.TrackerStatus) (p pinstatus.Standing) {
		for _, s := range statuses {
			p.Holders = append(p.Holders, pinstatus.Holder{Status: s, Error: map[bool]string{true: "no block"}[s == api.TrackerStatusPinError]})
		}
		p.Wanted, p.Need = true, 2
		return p
	}
	away := func(p pinstatus.Standing, n int) pinstatus.Standing { p.Away = n; return p }
	const pinned, pinning, queued, failed = api.TrackerStatusPinned, api.TrackerStatusPinning, api.TrackerStatusPinQueued, api.TrackerStatusPinError
	for what, c := range map[string]struct {
		pin     pinstatus.Standing
		want    status
		details string
	}{
		"all hold it":               {in(pinned, pinned, pinned), statusPinned, "3 of 3"},
		"the rest is away":          {away(in(pinned, pinned), 1), statusPinned, "2 of 3"},
		"too many are away":         {away(in(pinned), 2), statusQueued, "2 peers that cannot be reached"},
		"nobody answers":            {away(in(), 3), statusQueued, "3 peers"},
		"one is not there yet":      {in(pinned, pinned, pinning), statusPinning, "2 of 3"},
		"one waits for a worker":    {in(pinned, queued, pinned), statusQueued, "2 of 3"},
		"just committed":            {in(api.TrackerStatusUnexpectedlyUnpinned, queued), statusQueued, "0 of 2"},
		"one has failed":            {in(pinned, failed, pinned), statusFailed, "no block"},
		"one failed, others try":    {in(failed, pinning), statusPinning, "0 of 2"},
		"one failed, another waits": {in(failed, queued), statusQueued, "0 of 2"},
		"all fail for one reason":   {in(failed, failed), statusFailed, ": no block"},
		"not pinned":                {pinstatus.Standing{}, statusFailed, "removed"},
	} {
		got := judge(c.pin)
		if got.status != c.want || !strings.Contains(got.info["status_details"], c.details) || strings.Count(got.info["status_details"], "no block") > 1 {
			t.Errorf("%s: %+v", what, got)
		}
	}
}

// Delegates are those who are to fetch, each with some addresses where there are too many for all.
func TestDelegates(t *testing.T) {
	nodes := make(map[peer.ID][]api.Multiaddr)
	ids := []peer.ID{"\x00\x01a", "\x00\x01b", "\x00\x01c"}
	for n, id := range ids {
		for port := range 8 {
			nodes[id] = append(nodes[id], multiaddr(t, fmt.Sprintf("/ip4/192.0.2.%d/tcp/%d", n+1, port+1)))
		}
	}
	count := func(addrs []api.Multiaddr) string {
		var of [3]int
		for _, a := range addrs {
			of[a.String()[len("/ip4/192.0.2.")]-'1']++
		}
		return fmt.Sprint(of)
	}
	for what, c := range map[string]struct {
		holders []peer.ID
		want    string
	}{
		"everybody": {nil, "[7 7 6]"}, "two": {ids[1:], "[0 8 8]"}, "one unknown": {[]peer.ID{ids[0], "\x00\x01z"}, "[8 0 0]"},
		"only unknown": {[]peer.ID{"\x00\x01z"}, "[7 7 6]"},
	} {
		if got := delegates(nodes, c.holders); count(got) != c.want {
			t.Errorf("%s: %s, want %s", what, count(got), c.want)
		}
	}
	if got := delegates(nil, nil); got == nil || len(got) != 0 {
		t.Errorf("without nodes: %v", got)
	}
	first := fmt.Sprint(delegates(nodes, nil))
	for range 10 {
		if again := fmt.Sprint(delegates(nodes, nil)); again != first {
			t.Errorf("the order changes: %s, then %s", first, again)
		}
	}
}
